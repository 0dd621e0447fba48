/*
 * The fast path at the LAN beside the real firewall: nothing that the firewall refuses gets through, either way.
 *
 *   host  fd00:1:2:3::10 ── lan0 ┌─────────┐ wan0 ── internet 203.0.113.1
 *   guest fd00:1:2:4::10 ── lan1 │ gateway │
 *                                │ = here  │ nat64 (TUN), 203.0.113.2
 *                                └─────────┘
 *
 * The host sends a stream of datagrams in one flow, each with the time (CLOCK_MONOTONIC) at which it is sent.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { enterNamespace, Lab, Namespace, type Process } from '@sixgate/testkit'
import { spawnPlain } from './harness/plain-service.ts'

const skip = enterNamespace()
const HOST = 'fd00:1:2:3::10'
const GUEST = 'fd00:1:2:4::10'
const SERVER = '64:ff9b::203.0.113.1'
const [ECHO, SILENT] = ['7', '9']
const STREAM_PORT = '40000'
/** New flows of one host each second; twice as many may come at once. */
const NEW_PER_S = 5
/** bpf/lib/flows.h, and a tick of the kernel's coarse clock. */
const JUDGED_MS = 1000 + 10
const directory = mkdtempSync(join(tmpdir(), 'sixgate-shortcut-'))
const rulesOfTheOwner = join(directory, 'nft.d', 'owner.nft')
const lab = new Lab()
const here = (): Namespace => Namespace.here('gateway')
const nowMs = (): number => Number(process.hrtime.bigint() / 1_000_000n)

/** Prints what comes, each port's in lines of its own, and sends it back on the first port. */
const RECORDER = `
for (const port of process.argv.slice(1)) {
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('message', (text, from) => {
    console.log('got', port, String(text))
    if (port === process.argv[1]) socket.send(text, from.port, from.address)
  })
  socket.bind(Number(port), () => console.log('bound', port))
}
`
/** Sends "NAME TIME" every 5 ms, for ever or so often, and says so; and says what comes back. */
const SENDER = `
const [name, address, localPort, host, port, count] = process.argv.slice(1)
const socket = require('node:dgram').createSocket('udp6')
let left = count === undefined ? Infinity : Number(count)
socket.on('error', () => {})
socket.on('message', (text) => console.log('echo', String(text)))
socket.bind(Number(localPort), address, () => {
  const timer = setInterval(() => {
    const ms = Number(process.hrtime.bigint() / 1000000n)
    const isLast = --left <= 0
    if (isLast) clearInterval(timer)
    socket.send(name + ' ' + ms, Number(port), host, () => {
      console.log('sent', ms)
      if (isLast) socket.close()
    })
  }, 5)
})
`
/** Opens so many flows at once: a datagram from a port of its own for each. */
const OPENER = `
const [name, address, host, port, count] = process.argv.slice(1)
let left = Number(count)
for (let index = 0; index < Number(count); index++) {
  const socket = require('node:dgram').createSocket('udp6')
  socket.on('error', () => {})
  socket.bind(0, address, () => socket.send(name, Number(port), host, () => { if (--left === 0) process.exit(0) }))
}
`

let host: Namespace
let guest: Namespace
let server: Process
let stream: Process
let firewall: Process
let nat64: Process

const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const endMs = nowMs() + 60_000
  while (!(await holds())) {
    assert.ok(nowMs() < endMs, `never: ${what}\n${nat64.output.stdout}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Times at which the datagrams of the stream were sent that arrived. */
const arrivals = (): number[] =>
  Array.from(server.output.stdout.matchAll(/^got 7 known (\d+)$/gm), ([, ms]) => Number(ms))
/** Times at which those were sent whose echoes came back. */
const echoes = (): number[] => Array.from(stream.output.stdout.matchAll(/^echo known (\d+)$/gm), ([, ms]) => Number(ms))
const got = (name: string): number =>
  server.output.stdout.split('\n').filter((line) => line.includes(` ${name}`)).length
const lastSentMs = (): number => Number(/sent (\d+)\n(?:echo.*\n)*$/.exec(stream.output.stdout)?.[1] ?? 0)

/** Resolves when what was sent until now would have been recorded: other datagrams, sent behind it, have been. */
const fence = async (from: Namespace, address: string): Promise<void> => {
  const name = `fence-${nowMs()}`
  await until(name, async () => {
    await from.run(process.execPath, '-e', SENDER, name, address, '0', SERVER, SILENT, '1')
    return got(name) > 0
  })
}

/** IPv6 packets that the gateway forwarded. */
const forwarded = (): number =>
  Number(/Ip6OutForwDatagrams\s+(\d+)/.exec(here().sh('cat', '/proc/self/net/snmp6'))?.[1] ?? assert.fail())

/** The stream takes the short way there and back: more than a hundred datagrams in a row, of which few are forwarded. */
const isShort = async (): Promise<void> => {
  let [echoedBefore, forwardedBefore] = [echoes().length, forwarded()]
  await until('the short way', () => {
    if (echoes().length - echoedBefore < 100) return false
    if (forwarded() - forwardedBefore < 50) return true
    ;[echoedBefore, forwardedBefore] = [echoes().length, forwarded()]
    return false
  })
}

const write = (more = ''): void => {
  const file = join(directory, 'site.yaml')
  writeFileSync(
    `${file}.new`,
    `lan: { interface: lan0, prefix: "fd00:1:2:3::/64" }
lans: [{ interface: lan1, prefix: "fd00:1:2:4::/64" }]
wan: { interface: wan0 }
pref64: ["64:ff9b::/96"]
nat64: { pool4: ["198.18.0.0/16"], wellKnownPrefix: off, fastPath: lan }
firewall:
  limits: { newPerHostPerSecond: ${NEW_PER_S} }
${more}`,
  )
  renameSync(`${file}.new`, file)
}

const start = async (name: 'nat64' | 'nat44-firewall', ready: RegExp): Promise<Process> => {
  const service = spawnPlain(here(), directory, name)
  await service.waitFor(ready)
  return service
}

/** Whether the table in force has this text. */
const isInForce = (text: string): boolean => here().sh('nft', 'list', 'table', 'inet', 'sixgate').includes(text)

/** Packets that a rule has let through. */
const counted = (rule: string): number => {
  const lines = here().sh('nft', 'list', 'table', 'inet', 'sixgate').split('\n')
  const line = lines.find((one) => one.includes(`comment "${rule}:`)) ?? assert.fail(`there is no rule ${rule}`)
  return Number(/counter packets (\d+)/.exec(line)?.[1])
}

before(async () => {
  if (skip !== false) return
  host = await lab.namespace('host')
  guest = await lab.namespace('guest')
  const internet = await lab.namespace('internet')
  lab.cable(
    { in: here(), name: 'lan0', addresses: ['fd00:1:2:3::1/64'] },
    { in: host, name: 'eth0', addresses: [`${HOST}/64`] },
  )
  lab.cable(
    { in: here(), name: 'lan1', addresses: ['fd00:1:2:4::1/64'] },
    { in: guest, name: 'eth0', addresses: [`${GUEST}/64`, `${HOST}/128`] },
  )
  lab.cable(
    { in: here(), name: 'wan0', addresses: ['203.0.113.2/24'] },
    { in: internet, name: 'eth0', addresses: ['203.0.113.1/24'] },
  )
  here().ip('route add default via 203.0.113.1')
  host.ip('-6 route add default via fd00:1:2:3::1')
  guest.ip('-6 route add default via fd00:1:2:4::1')
  server = internet.spawn(process.execPath, ['-e', RECORDER, ECHO, SILENT])
  await server.waitFor(/bound 7[^]*bound 9|bound 9[^]*bound 7/)
  mkdirSync(join(directory, 'nft.d'))
  write()
  firewall = await start('nat44-firewall', /"rules loaded"/)
  nat64 = await start('nat64', /state: ok/)
  await nat64.waitFor(/"link":"lan0","msg":"fast path: at this LAN, too"/)
  stream = host.spawn(process.execPath, ['-e', SENDER, 'known', HOST, STREAM_PORT, SERVER, ECHO])
})
after(async () => {
  if (skip !== false) return
  for (const service of [stream, nat64, firewall, server]) await service.stop('SIGTERM')
  await lab.close()
  rmSync(directory, { recursive: true })
})

test('a known flow takes the short way, and the answers of the IPv4 side come through', { skip }, async () => {
  await isShort()
})

test("a host's address from another LAN is refused", { skip }, async () => {
  await isShort()
  await guest.run(process.execPath, '-e', SENDER, 'spoofed', HOST, '0', SERVER, ECHO, '100')
  await fence(guest, GUEST)
  assert.equal(got('spoofed'), 0)
})

test('new flows are limited as ever, and a flow that nobody answers is no known one', { skip }, async () => {
  const startMs = nowMs()
  await host.run(process.execPath, '-e', OPENER, 'opened', HOST, SERVER, ECHO, '200')
  await fence(host, HOST)
  const seconds = (nowMs() - startMs) / 1000
  const opened = got('opened')
  assert.ok(opened > 0 && opened <= 2 * NEW_PER_S + NEW_PER_S * seconds + 1, `${opened} in ${seconds} s`)
  const judgedBefore = counted('lan-to-nat64')
  await host.run(process.execPath, '-e', SENDER, 'unanswered', HOST, '0', SERVER, SILENT, '200')
  await fence(host, HOST)
  // One flow, however many packets it has; and each meets the rule that lets new flows in.
  const [judged, unanswered] = [counted('lan-to-nat64') - judgedBefore, got('unanswered')]
  assert.ok(unanswered > 0 && judged >= unanswered, `${unanswered} arrived, ${judged} were judged`)
})

test('a rule of the owner cuts a known flow within a second', { skip }, async () => {
  await isShort()
  writeFileSync(rulesOfTheOwner, 'chain user_forward {\n  ip6 daddr 64:ff9b::/96 udp dport 7 counter drop\n}\n')
  await until('the rule of the owner', () => isInForce('udp dport 7 '))
  const refusedMs = nowMs()
  await until('sent later', () => lastSentMs() > refusedMs + 2 * JUDGED_MS)
  await fence(host, HOST)
  assert.deepEqual(
    arrivals().filter((ms) => ms > refusedMs + JUDGED_MS),
    [],
  )
  rmSync(rulesOfTheOwner)
  await until('without the rule of the owner', () => !isInForce('udp dport 7 '))
  await isShort()
})

test('a rule of the owner that cuts the answers of a known flow holds within a second', { skip }, async () => {
  await isShort()
  writeFileSync(rulesOfTheOwner, 'chain user_forward {\n  ip6 saddr 64:ff9b::/96 udp sport 7 counter drop\n}\n')
  await until('the rule of the owner', () => isInForce('udp sport 7 '))
  const refusedMs = nowMs()
  await until('sent later', () => lastSentMs() > refusedMs + 2 * JUDGED_MS)
  await fence(host, HOST)
  assert.deepEqual(
    echoes().filter((ms) => ms > refusedMs + JUDGED_MS),
    [],
  )
  assert.ok(
    arrivals().some((ms) => ms > refusedMs + JUDGED_MS),
    'nobody refuses the questions',
  )
  rmSync(rulesOfTheOwner)
  await until('without the rule of the owner', () => !isInForce('udp sport 7 '))
  await isShort()
})

test('a blocked host is cut off at once: while there is a block, nothing takes the short way', { skip }, async () => {
  await isShort()
  const mac = /link\/ether (\S+)/.exec(host.ip('link show eth0'))?.[1] ?? assert.fail()
  write(`  blocks: [{ host: "${mac}" }]\n`)
  await nat64.waitFor(/"revision":2,"msg":"document in force"/)
  await until('the block', () => isInForce(mac))
  const refusedMs = nowMs()
  await until('sent later', () => lastSentMs() > refusedMs + JUDGED_MS)
  await fence(guest, GUEST)
  for (const times of [arrivals(), echoes()])
    assert.deepEqual(
      times.filter((ms) => ms > refusedMs),
      [],
    )
  assert.match(nat64.output.stdout, /not at this LAN|removed from this LAN/)
})
