/*
 * The real translator and the real firewall side by side, without containers: what a port forward needs of both.
 *
 *   host fd00:1:2:3::10 ── lan0 ┌─────────┐ wan0 ── internet 203.0.113.1, 198.51.100.7
 *                               │ gateway │
 *                               │ = here  │ nat64 (TUN), 203.0.113.2
 *                               └─────────┘
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { enterNamespace, Lab, Namespace, type Process } from '@sixgate/testkit'
import { spawnPlain } from './harness/plain-service.ts'

const skip = enterNamespace()
const HOST = 'fd00:1:2:3::10'
const NEIGHBOUR = 'fd00:1:2:3::20'
const UPLINK = '203.0.113.2'
const MAPPED_UPLINK = '64:ff9b::cb00:7102'
const directory = mkdtempSync(join(tmpdir(), 'sixgate-forward-'))
const lab = new Lab()
const here = (): Namespace => Namespace.here('gateway')
const services: Process[] = []
let host: Namespace
let internet: Namespace

/** Tells whoever comes on a port where they come from. */
const SERVER = `
const server = require('node:net').createServer((stream) => {
  stream.on('error', () => {})
  stream.end('from ' + stream.remoteAddress)
})
server.listen(Number(process.argv[1]), '::', () => console.log('listening'))
`
/** Prints what a server says; exits 1 when there is none. */
const CLIENT = `
const [host, port, localAddress] = process.argv.slice(1)
const stream = require('node:net').connect({ host, port: Number(port), localAddress, timeout: 5000 })
stream.on('data', (text) => process.stdout.write(text))
stream.on('error', (error) => { console.log(error.code); process.exit(1) })
stream.on('timeout', () => { console.log('silence'); process.exit(1) })
stream.on('end', () => process.exit(0))
`
const ask = async (from: Namespace, ...words: readonly string[]): Promise<string> =>
  (await from.run(process.execPath, '-e', CLIENT, ...words)).stdout

const start = async (name: 'nat64' | 'nat44-firewall', ready: RegExp): Promise<void> => {
  const service = spawnPlain(here(), directory, name)
  services.push(service)
  await service.waitFor(ready)
}

before(async () => {
  if (skip !== false) return
  host = await lab.namespace('host')
  internet = await lab.namespace('internet')
  lab.cable(
    { in: here(), name: 'lan0', addresses: ['fd00:1:2:3::1/64'] },
    { in: host, name: 'eth0', addresses: [`${HOST}/64`, `${NEIGHBOUR}/64`] },
  )
  lab.cable(
    { in: here(), name: 'wan0', addresses: [`${UPLINK}/24`] },
    { in: internet, name: 'eth0', addresses: ['203.0.113.1/24'] },
  )
  internet.ip('address add 198.51.100.7/32 dev lo')
  here().ip('route add default via 203.0.113.1')
  host.ip('-6 route add default via fd00:1:2:3::1')
  writeFileSync(
    join(directory, 'site.yaml'),
    `lan: { interface: lan0, prefix: "fd00:1:2:3::/64" }
wan: { interface: wan0 }
pref64: ["64:ff9b::/96"]
nat64: { pool4: ["198.18.0.0/16"], wellKnownPrefix: off }
firewall:
  forwards:
    - { protocol: tcp, port: 8443, to: "${HOST}", toPort: 7777 }
    - { protocol: tcp, port: "9000-9001", to: "${HOST}" }
`,
  )
  for (const port of ['7777', '9001', '7000']) {
    const server = host.spawn(process.execPath, ['-e', SERVER, port])
    services.push(server)
    await server.waitFor(/listening/)
  }
  await start('nat44-firewall', /"rules loaded"/)
  await start('nat64', /state: ok/)
})
after(async () => {
  for (const service of services) await service.stop('SIGTERM')
  await lab.close()
  rmSync(directory, { recursive: true })
})

test('a port forward reaches the host through the translator, and the host sees who comes', { skip }, async () => {
  assert.equal(await ask(internet, UPLINK, '8443'), 'from 64:ff9b::cb00:7101')
  assert.equal(await ask(internet, UPLINK, '8443', '198.51.100.7'), 'from 64:ff9b::c633:6407')
})

test('a range of ports: each to the same port of the host', { skip }, async () => {
  assert.equal(await ask(internet, UPLINK, '9001'), 'from 64:ff9b::cb00:7101')
})

test('no other port of the host is open', { skip }, async () => {
  assert.equal(await ask(internet, UPLINK, '7000'), 'silence\n')
})

test('hairpin: a LAN host that names the uplink address reaches the same host, by that address', { skip }, async () => {
  for (const source of [NEIGHBOUR, HOST])
    assert.equal(await ask(host, MAPPED_UPLINK, '8443', source), `from ${MAPPED_UPLINK}`)
})

test('by the uplink address the LAN reaches nothing else of the gateway', { skip }, async () => {
  assert.equal(await ask(host, MAPPED_UPLINK, '7000', NEIGHBOUR), 'ECONNREFUSED\n')
})
