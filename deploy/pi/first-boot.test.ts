import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readSite } from '@sixgate/site'
import { enterNamespace } from '@sixgate/testkit'

const skip = enterNamespace()

const SCRIPT = join(import.meta.dirname, 'first-boot.sh')
const WRITER = join(import.meta.dirname, 'site-writer.sh')
const SHIPPED = join(import.meta.dirname, '../site.yaml')

const directory = mkdtempSync(join(tmpdir(), 'first-boot-'))
after(() => rmSync(directory, { recursive: true }))

const written = (...answers: string[]): string =>
  execFileSync('bash', ['-euo', 'pipefail', '-c', 'source "$0"; write_site "$@"', WRITER, SHIPPED, ...answers], {
    encoding: 'utf8',
  })

/** What the site document says, parsed by the one reader of sixgate. */
const siteOf = async (text: string) =>
  (await readSite(text, join(directory, 'site.yaml'), join(directory, 'site.auto.yaml'))).site

const commentsOf = (text: string): string[] =>
  text
    .split('\n')
    .flatMap((line) => (line.includes('#') ? [line.slice(line.indexOf('#')).replace(/^# (?=vlan)/, '')] : []))

describe('the document that it writes', () => {
  it('has the answers, and is a good one', async () => {
    const { lan, wan, firewall } = await siteOf(written('end0', '12', 'wwan0', 'fd00:1:2:c::/64', 'yes'))
    assert.deepEqual([lan.interface, lan.vlan, wan.interface], ['end0', 12, 'wwan0'])
    assert.equal(lan.prefix.addr[7], 0x0c)
    assert.deepEqual(
      firewall.inbound.map(({ protocol, port }) => [protocol, port]),
      [['tcp', 22]],
    )
  })

  it('has no VLAN for a LAN with a port of its own', async () => {
    const { lan, wan, firewall } = await siteOf(written('eth1', 'none', 'auto', 'auto', 'no'))
    assert.deepEqual([lan.interface, lan.vlan, wan.interface, firewall.inbound.length], ['eth1', undefined, 'auto', 0])
  })

  it('keeps every comment', () => {
    const shipped = readFileSync(SHIPPED, 'utf8')
    const text = written('end0', '12', 'wwan0', 'fd00:1:2:c::/64', 'yes')
    assert.deepEqual(commentsOf(text), commentsOf(shipped))
    assert.equal(written('eth0', '2', 'auto', 'auto', 'no'), shipped, 'the same answers, the same text')
  })
})

describe('first-boot.sh on a machine with two ports', { skip }, () => {
  const sh = (script: string): void => void execFileSync('sh', ['-ec', script])

  /** Two ports with a peer outside of the machine; the uplink is on the first. */
  const withPorts = (): string => {
    const tree = join(directory, 'net')
    sh(`ip link add eth0 type veth peer name wire0
      ip link add eth1 type veth peer name wire1
      ip address add 192.0.2.2/24 dev eth0
      ip link set wire0 up; ip link set eth0 up
      ip route add default via 192.0.2.1
      mkdir -p ${tree}/eth0 ${tree}/eth1 ${tree}/lo ${tree}/docker0/bridge ${tree}/wlan0/wireless ${tree}/nat64 ${tree}/ifb0 ${tree}/dummy0
      for name in eth0 eth1 docker0 wlan0 ifb0 dummy0; do echo 1 >${tree}/$name/type; done
      echo 772 >${tree}/lo/type; echo 65534 >${tree}/nat64/type; : >${tree}/nat64/tun_flags`)
    return tree
  }
  const tree = skip === false ? withPorts() : ''

  const run = (...flags: string[]) =>
    spawnSync(SCRIPT, flags, {
      encoding: 'utf8',
      input: '',
      env: { ...process.env, SYS_NET: tree, SSH_CONNECTION: '' },
    })

  it('proposes the port that has not the uplink', async () => {
    const { status, stdout, stderr } = run('--yes', '--dry-run')
    assert.equal(status, 0, stderr)
    assert.match(stderr, /ports: eth0 eth1; the IPv4 default route goes through eth0/)
    const { lan, wan } = await siteOf(stdout)
    assert.deepEqual([lan.interface, lan.vlan, wan.interface], ['eth1', undefined, 'auto'])
  })

  it('asks on a terminal with what it proposes, and takes answers', async () => {
    const site = join(directory, 'asked.yaml')
    const command = `'${SCRIPT}' --no-engine --site '${site}'`
    const asked = (answers: readonly string[]) =>
      spawnSync('script', ['-qefc', command, '/dev/null'], {
        encoding: 'utf8',
        input: answers.map((answer) => `${answer}\n`).join(''),
        env: { ...process.env, SYS_NET: tree, SSH_CONNECTION: '192.0.2.9 50000 192.0.2.2 22' },
      })
    const { status, stdout } = asked(['', '', '', 'fd00:1:2:c::/64', 'no'])
    assert.equal(status, 0, stdout)
    for (const question of [
      /Which port has the uplink .*\? \[auto\]/,
      /Which port does the IPv6-only LAN hang on\? \[eth1\]/,
      /Is the LAN a VLAN on eth1 \(its number\), .*\? \[none\]/,
      /The LAN's prefix .*\? \[auto\]/,
      /logged in through the uplink eth0, which the firewall closes\. Keep SSH open there \(yes, no\)\? \[yes\]/,
    ])
      assert.match(stdout, question)
    const { lan, wan, firewall } = await siteOf(readFileSync(site, 'utf8'))
    assert.deepEqual([lan.interface, lan.vlan, wan.interface, firewall.inbound], ['eth1', undefined, 'auto', []])
    assert.equal(lan.prefix.addr[7], 0x0c)
    // One port for both: the LAN is a VLAN on it.
    assert.match(asked(['', 'eth0', 'none']).stdout, /the LAN is a VLAN on it\. Its number\? \[2\]/)
  })

  it('keeps SSH open for who came through the uplink', () => {
    const env = { ...process.env, SYS_NET: tree, SSH_CONNECTION: '192.0.2.9 50000 192.0.2.2 22' }
    const { stdout } = spawnSync(SCRIPT, ['--yes', '--dry-run'], { encoding: 'utf8', env })
    assert.match(stdout, /^ {2}inbound: \[\{ protocol: tcp, port: 22 \}\]/m)
  })

  it('writes the file over, keeps what was in it, and touches nothing else', () => {
    const site = join(directory, 'site.yaml')
    writeFileSync(site, 'mine\n')
    const { status, stdout, stderr } = run('--yes', '--no-engine', '--site', site)
    assert.equal(status, 0, stderr)
    assert.match(stdout, /LAN on eth1, uplink auto, prefix auto[^]*next: make up/)
    assert.match(readFileSync(site, 'utf8'), /^ {2}interface: eth1 /m)
    assert.equal(readFileSync(`${site}.before`, 'utf8'), 'mine\n')
  })

  const WRONG: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['--yes', '--lan', 'eth9'], 1, /--lan "eth9" is no port of this machine; there are: eth0 eth1/],
    [['--yes', '--wan', 'eth9'], 1, /--wan "eth9" is no port/],
    [['--yes', '--lan', 'eth0', '--untagged'], 1, /eth0 has the uplink: a LAN without a VLAN needs a port of its own/],
    [['--yes', '--vlan', '4095'], 2, /--vlan "4095": must be a number from 1 to 4094/],
    [['--yes', '--prefix', 'fd00::/48'], 2, /--prefix "fd00::\/48": must be auto, or a \/64/],
    [['--yes', '--lan'], 2, /--lan needs a value/],
    [['--now'], 2, /"--now" is no flag/],
    [[], 1, /no answer: run it with --yes and flags/],
  ]
  for (const [flags, status, message] of WRONG)
    it(`refuses ${flags.join(' ') || 'to ask where nobody answers'}`, () => {
      const refused = run(...flags, '--dry-run')
      assert.deepEqual({ status: refused.status, stdout: refused.stdout }, { status, stdout: '' })
      assert.match(refused.stderr, message)
    })
})
