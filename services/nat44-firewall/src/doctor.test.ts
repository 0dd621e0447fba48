/** The preflight as it is run, on hosts that are wrong in real ways: a namespace each. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
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
  assert.match((await doctor())('uplink').found, /wan0 has no IPv4 address/)
  here().ip('route del default')
  assert.match((await doctor())('uplink').found, /no IPv4 default route/)
})

test('the uplink has the network of the pool', { skip }, async () => {
  here().ip('address add 198.18.1.1/24 dev wan0')
  const check = (await doctor())('prefixes')
  BROKEN(check)
  assert.match(check.found, /nat64\.pool4 198\.18\.0\.0\/16 overlaps 198\.18\.1\.0\/24 of the uplink wan0/)
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

test("Docker's DROP is seen, in both flavours of iptables", { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  assert.match((await doctor())('docker').found, /iptables-nft: FORWARD DROP, accepts in FORWARD/)
  here().sh('iptables-legacy', '-P', 'FORWARD', 'DROP')
  assert.match((await doctor())('iptables').found, /side by side/)
  here().sh('iptables-legacy', '-P', 'FORWARD', 'ACCEPT')
})

test('without CAP_NET_ADMIN', { skip }, async () => {
  const check = (await doctor(['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin']))('capabilities')
  BROKEN(check)
})
