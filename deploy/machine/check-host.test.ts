/**
 * check-host.sh stands in for the doctor of nat44-firewall while there is no image of it: both look at the same machine here, spoilt in one
 * way after the other, and name the same way to mend it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Namespace } from '@sixgate/testkit'

const skip = enterNamespace()
const CHECK_HOST = fileURLToPath(new URL('check-host.sh', import.meta.url))
const DOCTOR = fileURLToPath(new URL('../../services/nat44-firewall/src/doctor.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'sixgate-check-host-'))
after(() => rmSync(directory, { recursive: true }))

const here = (): Namespace => Namespace.here()

/** Both programs in the namespace; no engine is asked, since one of this machine could have a site of its own. */
const look = async (site: string, hide: string) => {
  writeFileSync(join(directory, 'site.yaml'), site)
  // /sys shows the network of whoever mounted it.
  const script = `mount -t sysfs none /sys
${hide}
SIXGATE_SITE_DIR=${directory} DOCKER_HOST=unix:///nonexistent/sock ${CHECK_HOST} 2>&1
echo ----
SITE_FILE=${directory}/site.yaml STATE_DIR=${directory} ${process.execPath} ${DOCTOR} --json`
  const { stdout, stderr } = await here().run('unshare', '--mount', 'sh', '-c', script)
  const [host = '', doctor = ''] = stdout.split('----\n')
  const { checks } = JSON.parse(doctor || assert.fail(stdout + stderr)) as {
    checks: readonly { id: string; state: string; fix?: string }[]
  }
  return { host, checks }
}

/** In block style, as the shell's reader expects it. */
const SITE = (lan: string, wan: string, more = ''): string =>
  `lan:
  interface: ${lan}
${more}  prefix: "fd00:1:2:3::/64"
wan:
  interface: ${wan}
pref64: ["64:ff9b::/96"]
nat64:
  pool4: ["198.18.0.0/16"]
`

/** Somebody who has the port on loopback, by the name of this program. */
const holder = async (name: string, port: number): Promise<AsyncDisposable> => {
  const program = join(directory, name)
  symlinkSync(process.execPath, program)
  const listen = `process.title = '${name}'; require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('ready'))`
  const running = here().spawn(program, ['-e', listen])
  await running.waitFor(/ready/)
  return {
    async [Symbol.asyncDispose]() {
      await running.stop('SIGKILL')
      rmSync(program)
    },
  }
}

interface Spoilt {
  readonly what: string
  readonly check: string
  readonly site?: string
  /** Shell commands in a mount namespace of their own. */
  readonly hide?: string
  readonly holder?: readonly [name: string, port: number]
}

const CASES: readonly Spoilt[] = [
  { what: 'no /dev/net/tun', check: 'tun', hide: 'mount -t tmpfs none /dev/net && mount --bind /dev/null /proc/misc' },
  ...['systemd-resolve', 'dnsmasq', 'named', 'unbound', 'other'].map(
    (name): Spoilt => ({ what: `port 53 is taken by ${name}`, check: 'port-53', holder: [name, 53] }),
  ),
  { what: "the page's port is taken", check: 'port-page', holder: ['other', 8443] },
  { what: 'the LAN interface is not there', check: 'lan', site: SITE('eth9', 'eth8') },
  { what: 'the uplink is not there', check: 'uplink', site: SITE('eth7', 'eth9') },
]

test('a machine that is well: neither has anything to mend but the engine', { skip }, async () => {
  here().ip('link set lo up')
  here().ip('link add eth7 type veth peer name eth8')
  for (const link of ['eth7', 'eth8']) here().ip(`link set ${link} up`)
  here().ip('address add 203.0.113.2/24 dev eth8')
  here().ip('route add default via 203.0.113.1')
  const { host, checks } = await look(SITE('eth7', 'eth8'), '')
  for (const line of host.split('\n').filter((text) => /FAILED/.test(text))) assert.match(line, /Docker|not ready/)
  for (const { check } of CASES) assert.equal(checks.find(({ id }) => id === check)?.state, 'ok', check)
})

for (const { what, check, site = SITE('eth7', 'eth8'), hide = '', holder: wanted } of CASES)
  test(`${what}: the same way to mend it`, { skip }, async () => {
    await using _ = wanted === undefined ? undefined : await holder(...wanted)
    const { host, checks } = await look(site, hide)
    const found = checks.find(({ id }) => id === check)
    assert.equal(found?.state, 'bad', JSON.stringify(checks))
    const line = host.split('\n').find((text) => text.includes(found?.fix ?? assert.fail()))
    assert.match(line ?? host, /FAILED/)
  })

test('a VLAN on a kernel without 802.1q: the same way to mend it', { skip }, async (t) => {
  const { host, checks } = await look(SITE('eth7', 'eth8', '  vlan: 2\n'), '')
  const { state, fix } = checks.find(({ id }) => id === 'lan') ?? assert.fail()
  if (state !== 'bad') return t.skip('this kernel has 802.1q')
  assert.ok(host.includes(fix ?? assert.fail()), host)
})
