/** The preflight as it is run, on hosts that are wrong in real ways: a namespace each. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Check } from '@sixgate/obs'
import { enterNamespace, Lab, Namespace } from '@sixgate/testkit'

const skip = enterNamespace()
const DOCTOR = fileURLToPath(new URL('doctor.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'sixgate-doctor-test-'))
const siteFile = join(directory, 'site.yaml')
const here = (): Namespace => Namespace.here()
let lab: Lab

const writeSite = (text: string): void => writeFileSync(siteFile, text)
const GOOD = 'lan: { interface: lan0, prefix: auto }\npref64: ["64:ff9b::/96"]\nnat64: { pool4: ["198.18.0.0/16"] }\n'

beforeEach(async () => {
  if (skip !== false) return
  lab = new Lab()
  const far = await lab.namespace('far')
  lab.cable({ in: here(), name: 'lan0' }, { in: far, name: 'far-lan0' })
  lab.cable({ in: here(), name: 'wan0', addresses: ['203.0.113.2/24'] }, { in: far, name: 'far-wan0' })
  here().ip('route add default via 203.0.113.1')
  writeSite(GOOD)
})
afterEach(async () => {
  if (skip !== false) return
  await lab.close()
  here().sh('nft', 'flush', 'ruleset')
})
after(() => rmSync(directory, { recursive: true }))

const doctor = async (prefix: readonly string[] = []) => {
  const [command, ...args] = [...prefix, process.execPath, DOCTOR, '--json']
  const { status, stdout, stderr } = await here().run('env', `SITE_FILE=${siteFile}`, command, ...args)
  assert.equal(stderr, '')
  const { isWell, checks } = JSON.parse(stdout) as { isWell: boolean; checks: Check[] }
  assert.equal(status, isWell ? 0 : 1)
  return (id: string): Check => checks.find((check) => check.id === id) ?? assert.fail(`no check ${id}: ${stdout}`)
}

const BROKEN = (check: Check): void => assert.equal(check.state, 'bad', check.found)
const FINE = (check: Check): void => assert.equal(check.state, 'ok', check.found)

test('a host that is well, and nothing is changed on it', { skip }, async () => {
  const before = here().sh(
    'sh',
    '-c',
    'nft list ruleset; ip -4 address; ip route; sysctl -a 2>/dev/null | grep forwarding',
  )
  const check = await doctor()
  for (const id of ['document', 'capabilities', 'kernel', 'lan', 'prefixes', 'mtu', 'uplink', 'forwarding', 'port-53'])
    FINE(check(id))
  assert.match(check('uplink').found, /^wan0$/)
  assert.equal(
    here().sh('sh', '-c', 'nft list ruleset; ip -4 address; ip route; sysctl -a 2>/dev/null | grep forwarding'),
    before,
  )
})

test('a document with a mistake', { skip }, async () => {
  writeSite(GOOD.replace('/96', '/72'))
  const check = (await doctor())('document')
  BROKEN(check)
  assert.match(check.found, /site\.yaml:2:.*length must be 32, 40/)
})

test('an uplink without address, and without route', { skip }, async () => {
  here().ip('address flush dev wan0')
  here().ip('route replace default dev wan0')
  const bare = (await doctor())('uplink')
  BROKEN(bare)
  assert.match(bare.found, /wan0 has no IPv4 address/)
  here().ip('route del default')
  const lost = (await doctor())('uplink')
  BROKEN(lost)
  assert.match(lost.found, /no IPv4 default route/)
  for (const { fix } of [bare, lost]) assert.match(fix ?? '', /^sudo ip link set wan0 up && /)
})

test('the default route leads to the LAN: its fix mends it', { skip }, async () => {
  here().ip('address add 192.0.2.2/24 dev lan0')
  here().ip('route replace default via 192.0.2.1 dev lan0')
  const check = (await doctor())('uplink')
  BROKEN(check)
  assert.equal(check.fix, 'sudo ip -4 route del default dev lan0')
  here().ip('-4 route del default dev lan0')
  here().ip('route add default via 203.0.113.1')
  FINE((await doctor())('uplink'))
})

test('the uplink has the network of the pool', { skip }, async () => {
  here().ip('address add 198.18.1.1/24 dev wan0')
  const check = (await doctor())('prefixes')
  BROKEN(check)
  assert.match(check.found, /nat64\.pool4 198\.18\.0\.0\/16 overlaps 198\.18\.1\.0\/24 of the uplink wan0/)
})

test('each of several LANs is looked at', { skip }, async () => {
  const further = 'lans: [{ interface: lan1, prefix: "fd00:1:2:4::/64" }]\n'
  writeSite(`${GOOD}${further}`)
  const gone = (await doctor())('lan')
  BROKEN(gone)
  assert.match(gone.found, /lans\[0\]\.interface "lan1" is not here/)
  here().ip('link add lan1 type veth peer name lan1-far')
  here().ip('link set lan1 up mtu 1200')
  const small = await doctor()
  FINE(small('lan'))
  BROKEN(small('mtu'))
  assert.match(small('mtu').found, /lan1 1200: IPv6 needs 1280/)
  here().ip('link set lan1 mtu 1500')
  here().ip('-6 address add fd00:1:2:4::9/64 dev wan0 nodad')
  const check = (await doctor())('prefixes')
  here().ip('link delete lan1')
  BROKEN(check)
  assert.match(check.found, /lans\[0\]\.prefix fd00:1:2:4::\/64 overlaps fd00:1:2:4::\/64 of the uplink wan0/)
})

test('somebody has port 53', { skip }, async () => {
  const socket = createSocket('udp4')
  socket.bind(53)
  await once(socket, 'listening')
  const check = (await doctor())('port-53')
  socket.close()
  BROKEN(check)
  // The program is this test's own Node.
  assert.match(check.found, /^taken: 0\.0\.0\.0 \(\S+\); dns64 needs it$/)
})

test('somebody has the port of the page; another port, and no page at all, are free of that', { skip }, async () => {
  const server = createServer()
  server.listen(8443, '::')
  await once(server, 'listening')
  const taken = (await doctor())('port-page')
  writeSite(`${GOOD}console: { port: 9443 }\n`)
  const other = (await doctor())('port-page')
  server.close()
  BROKEN(taken)
  assert.match(taken.found, /^8443: taken: :: \(\S+\); the page of the console needs it$/)
  FINE(other)
  assert.equal(other.found, '9443: free')
})

test("Docker's DROP is seen, in both flavours of iptables", { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  assert.match((await doctor())('docker').found, /iptables-nft: FORWARD DROP, accepts in FORWARD/)
  here().sh('iptables-legacy', '-P', 'FORWARD', 'DROP')
  assert.match((await doctor())('iptables').found, /side by side/)
  here().sh('iptables-legacy', '-P', 'FORWARD', 'ACCEPT')
})

test('the LAN interface is not there, or switched off', { skip }, async () => {
  here().ip('link set lan0 down')
  const off = (await doctor())('lan')
  assert.equal(off.state, 'note')
  assert.match(off.found, /lan0 is switched off/)
  here().ip('link set lan0 name elsewhere0')
  const gone = (await doctor())('lan')
  BROKEN(gone)
  assert.match(gone.found, /"lan0" is not here; there are .*elsewhere0/)
})

test('a VLAN on a kernel without 802.1q', { skip }, async (t) => {
  writeSite(GOOD.replace('interface: lan0', 'interface: lan0, vlan: 2'))
  const has8021q =
    here().runSync('ip', 'link', 'add', 'link', 'lan0', 'name', 'probe0', 'type', 'vlan', 'id', '9').status === 0
  if (has8021q) here().ip('link delete probe0')
  const check = (await doctor())('lan')
  if (has8021q) return FINE(check)
  if (!existsSync('/proc/config.gz')) return t.skip('this kernel has no 802.1q and does not tell its configuration')
  BROKEN(check)
  assert.match(check.found, /lan\.vlan is 2, but this kernel has no 802\.1q/)
})

test('an MTU that IPv6 cannot live with, and one that is less than hosts are told', { skip }, async () => {
  here().ip('link set lan0 mtu 1200')
  assert.match((await doctor())('mtu').found, /lan0 1200: IPv6 needs 1280/)
  here().ip('link set lan0 mtu 1400')
  writeSite(`${GOOD}ra: { linkMtu: 1500 }\n`)
  const check = (await doctor())('mtu')
  BROKEN(check)
  assert.match(check.found, /lan0 1400, but ra\.linkMtu tells hosts 1500/)
})

test('an uplink that lives by Router Advertisements', { skip }, async () => {
  here().ip('-6 address add fe80::2/64 dev wan0 nodad')
  here().ip('-6 route add default via fe80::1 dev wan0 proto ra')
  const check = (await doctor())('accept-ra')
  assert.equal(check.state, 'note')
  assert.match(check.found, /wan0 lives by Router Advertisements/)
})

/** Shell commands in a mount namespace of its own, then the doctor there. */
const where = (commands: string): readonly string[] => [
  'unshare',
  '--mount',
  'sh',
  '-ec',
  `${commands}\nexec "$@"`,
  'sh',
]

/** What a host can lack, made so by mounts; the check that says so, and what it says. */
const LACKS: readonly (readonly [what: string, commands: string, id: string, found: RegExp])[] = [
  [
    'sysctls that cannot be written',
    'mount --bind /proc/sys/net /proc/sys/net; mount -o remount,ro,bind /proc/sys/net',
    'forwarding',
    /cannot be written/,
  ],
  [
    'no TUN',
    'mkdir -p /dev/net; mount -t tmpfs none /dev/net; mount --bind /dev/null /proc/misc',
    'tun',
    /\/dev\/net\/tun is missing/,
  ],
  ['no nft', 'export PATH=/nonexistent', 'kernel', /nft is not installed/],
  [
    'a disk that is full',
    'mount -t tmpfs -o size=1m none /mnt; export STATE_DIR=/mnt',
    'disk',
    /of 1 MB free at \/mnt/,
  ],
  [
    'a disk that is read only',
    'mount -t tmpfs -o ro none /mnt; export STATE_DIR=/mnt',
    'disk',
    /\/mnt cannot be written/,
  ],
]

for (const [what, commands, id, found] of LACKS)
  test(what, { skip }, async () => {
    const check = (await doctor(where(commands)))(id)
    BROKEN(check)
    assert.match(check.found, found)
    assert.ok((check.fix ?? '') !== '')
  })

test('frames within a LAN bridge pass iptables', { skip }, async (t) => {
  if (!existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables')) return t.skip('this kernel has no br_netfilter')
  here().ip('link set lan0 down')
  here().ip('link set lan0 name port0')
  here().ip('link add lan0 type bridge')
  here().sysctl('bridge/bridge-nf-call-iptables', 1)
  const check = (await doctor())('bridge-nf')
  here().ip('link delete lan0')
  assert.equal(check.state, 'note')
  assert.match(check.found, /LAN bridge lan0/)
})

test('without CAP_NET_ADMIN', { skip }, async () => {
  const check = (await doctor(['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin']))('capabilities')
  BROKEN(check)
})
