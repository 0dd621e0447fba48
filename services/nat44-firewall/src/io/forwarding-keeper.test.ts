import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Sysctls } from '@sixgate/host'
import { enterNamespace, Lab, Namespace } from '@sixgate/testkit'
import { ForwardingKeeper } from './forwarding-keeper.ts'

const skip = enterNamespace()
const directory = mkdtempSync(join(tmpdir(), 'sixgate-forwarding-'))
after(() => rmSync(directory, { recursive: true }))

const LINKS = { lan: 'lan0', tun: 'nat64', uplinks: ['wan0'] }
const agent = fileURLToPath(new URL('../testkit/packet-agent.ts', import.meta.url))

let files = 0
const keeper = (file = `originals-${files++}.json`): ForwardingKeeper =>
  new ForwardingKeeper(new Sysctls(), join(directory, file))

/** Every value below /proc/sys/net that can be read, but for what counts by itself. */
const dump = (): string =>
  Namespace.here()
    .sh('sh', '-c', 'grep -rH . /proc/sys/net 2>/dev/null | sort')
    .split('\n')
    .filter((line) => !/nf_conntrack_count|stable_secret/.test(line))
    .join('\n')

const links = (lab: Lab, other: Namespace): void => {
  const here = Namespace.here()
  for (const name of ['lan0', 'wan0', 'wlan0', 'nat64'])
    lab.cable({ in: here, name }, { in: other, name: `far-${name}` })
}

/** What a host may have been told before; forwarding resets some of it. */
const SETTINGS: readonly (readonly [what: string, values: Readonly<Record<string, string>>])[] = [
  ['as the kernel starts', {}],
  ['redirects refused by hand', { 'ipv4/conf/all/accept_redirects': '0' }],
  ['single links forward', { 'ipv4/conf/wlan0/forwarding': '1', 'ipv6/conf/wlan0/forwarding': '1' }],
  ['new links forward', { 'ipv4/conf/default/forwarding': '1', 'ipv6/conf/default/forwarding': '1' }],
  ['IPv4 forwards, one link does not', { 'ipv4/ip_forward': '1', 'ipv4/conf/wan0/forwarding': '0' }],
  ['IPv4 forwards and takes redirects', { 'ipv4/ip_forward': '1', 'ipv4/conf/all/accept_redirects': '1' }],
  ['all forwards', { 'ipv4/ip_forward': '1', 'ipv6/conf/all/forwarding': '1' }],
  ['all forwards, the LAN does not', { 'ipv6/conf/all/forwarding': '1', 'ipv6/conf/lan0/forwarding': '0' }],
  ['the uplink takes RAs in any case', { 'ipv6/conf/wan0/accept_ra': '2' }],
]

for (const [what, values] of SETTINGS)
  test(`all of /proc/sys/net is as before: ${what}`, { skip }, async () => {
    await using lab = new Lab()
    const here = Namespace.here()
    links(lab, await lab.namespace('other'))
    here.sysctl('ipv4/ip_forward', 0)
    here.sysctl('ipv6/conf/all/forwarding', 0)
    here.sysctl('ipv4/conf/all/accept_redirects', 1)
    for (const [path, value] of Object.entries(values)) here.sysctl(path, value)
    const before = dump()

    const on = keeper()
    on.keep(LINKS)
    const sysctls = new Sysctls()
    assert.equal(sysctls.read('ipv4/ip_forward'), '1')
    assert.equal(sysctls.read('ipv6/conf/all/forwarding'), '1')
    for (const name of ['lan0', 'nat64', 'wan0']) assert.equal(sysctls.read(`ipv6/conf/${name}/forwarding`), '1')
    for (const name of ['nat64', 'wan0']) assert.equal(sysctls.read(`ipv4/conf/${name}/forwarding`), '1')
    assert.equal(sysctls.read('ipv6/conf/wan0/accept_ra'), '2')
    assert.equal(sysctls.read('netfilter/nf_conntrack_udp_timeout'), '120')
    assert.equal(sysctls.read('netfilter/nf_conntrack_tcp_timeout_established'), '7440')
    assert.equal(sysctls.read('ipv4/tcp_migrate_req'), '1')
    assert.deepEqual(on.keep(LINKS), [], 'nothing left to do')

    const { failed, foreign } = on.restore()
    assert.deepEqual([failed, foreign], [[], []])
    assert.equal(dump(), before)
  })

test('the originals outlive the process: a successor restores them', { skip }, async () => {
  await using lab = new Lab()
  links(lab, await lab.namespace('other'))
  const before = dump()
  keeper('shared.json').keep(LINKS)
  const successor = keeper('shared.json')
  assert.deepEqual(successor.routedBefore(), { ip4: false, ip6: false })
  assert.deepEqual(successor.keep(LINKS), [])
  successor.restore()
  assert.equal(dump(), before)
})

test('links that come and go meanwhile', { skip }, async () => {
  await using lab = new Lab()
  const here = Namespace.here()
  const other = await lab.namespace('other')
  links(lab, other)
  const on = keeper()
  on.keep(LINKS)
  here.ip('link delete wlan0')
  here.ip('link delete nat64')
  lab.cable({ in: here, name: 'nat64' }, { in: other, name: 'far-again' })
  here.sysctl('ipv4/conf/nat64/forwarding', 0)
  assert.deepEqual(on.keep(LINKS), ['ipv4/conf/nat64/forwarding'])
  const { failed } = on.restore()
  assert.deepEqual(failed, [])
  assert.equal(new Sysctls().read('ipv6/conf/nat64/forwarding'), '0')
  assert.equal(new Sysctls().read('ipv4/conf/nat64/forwarding'), '0')
})

test('whether the host routed before is known for as long as forwarding is ours', { skip }, () => {
  const here = Namespace.here()
  here.sysctl('ipv4/ip_forward', 1)
  const on = keeper()
  assert.deepEqual(on.routedBefore(), { ip4: true, ip6: false })
  on.keep({ ...LINKS, uplinks: [] })
  assert.deepEqual(on.routedBefore(), { ip4: true, ip6: false })
  on.restore()
  here.sysctl('ipv4/ip_forward', 0)
})

/** Only a failed test waits so long. */
const PATIENCE_MS = 10_000

const until = async (done: () => boolean): Promise<void> => {
  const deadline = performance.now() + PATIENCE_MS
  while (!done()) {
    assert.ok(performance.now() < deadline, 'it does not come')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('an uplink that lives by Router Advertisements goes on living by them', { skip }, async () => {
  await using lab = new Lab()
  const here = Namespace.here()
  const isp = await lab.namespace('isp')
  lab.cable({ in: here, name: 'wan0' }, { in: isp, name: 'eth0', addresses: ['fe80::1/64'] })
  lab.cable({ in: here, name: 'lan0' }, { in: isp, name: 'eth1' })
  const router = isp.spawn(process.execPath, [agent])
  await router.waitFor(/"ready"/)
  const hasRoute = (): boolean => /via fe80::1 dev wan0 proto ra/.test(here.ip('-6 route show default'))
  /** RFC 4861 §4.2 without options: hop limit 64, no flags, router lifetime 1800 s. */
  const advertise = (): void => {
    const message = {
      op: 'icmp6',
      source: 'fe80::1',
      destination: 'ff02::1',
      link: 'eth0',
      type: 134,
      hopLimit: 255,
      body: '400007080000000000000000',
    }
    router.child.stdin?.write(`${JSON.stringify(message)}\n`)
  }
  advertise()
  await until(hasRoute)

  keeper('ra.json').keep(LINKS)
  assert.ok(hasRoute(), 'the route outlives the switch')
  here.ip('-6 route del default via fe80::1 dev wan0')
  assert.ok(!hasRoute())
  advertise()
  await until(hasRoute)
  keeper('ra.json').restore()
  assert.equal(new Sysctls().read('ipv6/conf/wan0/accept_ra'), '1')
})

test('room for flows: by the memory, recorded, given back; not where it cannot be written', () => {
  // The real one is the whole machine's, and only its first namespace may write it.
  const root = join(directory, 'net')
  mkdirSync(join(root, 'netfilter'), { recursive: true })
  const max = join(root, 'netfilter/nf_conntrack_max')
  writeFileSync(join(root, 'netfilter/nf_conntrack_count'), '7\n')
  writeFileSync(max, '65536\n')
  const kept = new ForwardingKeeper(new Sysctls(root), join(directory, 'size.json'))
  assert.deepEqual(kept.keepConntrackSize(4 * 2 ** 30), ['netfilter/nf_conntrack_max'])
  assert.equal(readFileSync(max, 'utf8'), '335544\n')
  assert.deepEqual(kept.keepConntrackSize(4 * 2 ** 30), [])
  assert.deepEqual(kept.restore().failed, [])
  assert.equal(readFileSync(max, 'utf8').trim(), '65536')
})

test('room for flows in a namespace: left to the host', { skip }, () => {
  assert.deepEqual(keeper().keepConntrackSize(2 ** 40), [])
})
