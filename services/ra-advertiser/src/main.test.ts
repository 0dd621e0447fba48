import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { asIp6, equalIp6, formatIp6, parseIp6 } from '@sixgate/addr'
import { enterNamespace, Lab, Namespace, type Process } from '@sixgate/testkit'
import fc from 'fast-check'
import type { NdpOption } from './core/ndp-options.ts'
import { decodeRouterAdvertisement, type ReceivedAdvertisement } from './core/ra-wire.ts'
import { UNICAST_ANSWERS_MAX } from './core/schedule.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { decodeFrame, encodeFrame, type Icmp6Frame } from './testkit/icmp6-frame.ts'
import { solicit } from './testkit/solicit.ts'
import { until } from './testkit/until.ts'

/** The service as a process in a router's namespace; this namespace is a host with a stock Linux kernel. */

const skip = enterNamespace()
const host = skip === false ? Namespace.here('host') : ({} as Namespace)
const lab = new Lab()
const directory = mkdtempSync(join(tmpdir(), 'sixgate-ra-'))
after(async () => {
  await lab.close()
  rmSync(directory, { recursive: true })
})

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const SITE = join(directory, 'site.yaml')
const HEALTH = join(directory, 'health.json')

/** There is no uplink here; on a slow machine a test may last longer than that is borne. */
const document = (ra = '', router = '::1'): string => `
lan: { interface: lan0, prefix: 'fd00:1:2:3::/64', router: '${router}' }
pref64: ['64:ff9b::/96', '2001:db8:64::/48']
nat64: { pool4: [192.168.64.0/24] }
ra: { linkMtu: 1400, dnssl: [lan.example], health: { uplink: false }${ra} }
`

const ENVIRONMENT = { SITE: `file:${SITE}`, STATE_DIR: join(directory, 'state'), HEALTH_FILE: HEALTH }

const router = skip === false ? await lab.namespace('router') : host

const start = (env: Readonly<Record<string, string>> = {}, wrap: readonly string[] = []): Process => {
  rmSync(HEALTH, { force: true })
  const [command, ...args] = [...wrap, process.execPath, MAIN]
  const service = router.spawn(command, args, { ...ENVIRONMENT, ...env })
  services.push(service)
  return service
}
const openPort = (): EthernetPort => {
  const port = new EthernetPort('eth0')
  ports.push(port)
  return port
}
const services: Process[] = []
const ports: EthernetPort[] = []
// Also after a failed test: two services would share the link, the state and the health file; an open port keeps this process
// from ending for ever.
afterEach(async () => {
  for (const port of ports.splice(0)) port.close()
  for (const service of services.splice(0)) await service.stop()
})

const health = (): { state: string; problems: readonly string[] } => {
  try {
    return JSON.parse(readFileSync(HEALTH, 'utf8'))
  } catch {
    return { state: 'none yet', problems: [] }
  }
}
const untilOk = async (): Promise<unknown> => await until('state ok', () => health().state === 'ok')
const untilProblem = async (pattern: RegExp): Promise<string> =>
  await until(`problem ${pattern}`, () => health().problems.find((problem) => pattern.test(problem)))

/** A new wire between host and router. Only the first test waits for duplicate address detection: 1 to 2 s at each end. */
const cable = ({ dad = false } = {}): void => {
  router.runSync('ip', 'link', 'delete', 'lan0')
  for (const end of [router, host]) end.sysctl('ipv6/conf/default/accept_dad', dad ? 1 : 0)
  router.ip(`link add lan0 type veth peer name eth0 netns ${host.pid}`)
  host.ip('link set eth0 up')
}

type Heard = ReceivedAdvertisement & { readonly frame: Icmp6Frame }
const heardBy = (port: EthernetPort): Heard[] =>
  port.frames
    .flatMap((frame) => decodeFrame(frame) ?? [])
    .filter(({ message }) => message[0] === 134)
    .map((frame) => ({ ...decodeRouterAdvertisement(frame.message), frame }))

const defaultRoute = (): string => host.ip('-6 route show default').trim()
const optionOf = <Kind extends NdpOption['kind']>(ra: ReceivedAdvertisement, kind: Kind) =>
  ra.options.filter((option): option is Extract<NdpOption, { kind: Kind }> => option.kind === kind)

const routerState = (): string =>
  [
    router.ip('-o link show lan0').replaceAll(/ state \w+| qdisc \w+|,?(NO-CARRIER|LOWER_UP),?/g, ''),
    router.ip('-o -6 address show dev lan0'),
    router.sh('cat', '/proc/sys/net/ipv6/conf/lan0/accept_ra', '/proc/sys/net/ipv6/conf/lan0/disable_ipv6'),
  ].join('\n')

const forward = (on: 0 | 1): void => router.sysctl('ipv6/conf/all/forwarding', on)

test('a stock Linux host: address, default route, and every field as rdisc6 reads it; down takes it all back', {
  skip,
}, async () => {
  forward(1)
  cable({ dad: true })
  writeFileSync(SITE, document(", routes: [{ prefix: '2001:db8:5::/48' }]"))
  const before = routerState()
  const port = openPort()
  const service = start()
  await untilOk()
  const route = await until('the default route', () => defaultRoute() || undefined)
  assert.match(route, /^default via fe80::\S+ dev eth0 proto ra .* mtu 1400 hoplimit 64 pref medium$/)
  assert.match(host.ip('-6 address show dev eth0'), /inet6 fd00:1:2:3:\S+\/64 scope global .*(dynamic|mngtmpaddr)/)

  const stdout = await solicit(host)
  for (const line of [
    /Hop limit +: +64 /,
    /Stateful address conf\. +: +No/,
    /Stateful other conf\. +: +No/,
    /Router preference +: +medium/,
    /Router lifetime +: +1800 /,
    /Source link-layer address: ([0-9A-F]{2}:){5}[0-9A-F]{2}/,
    /MTU +: +1400 bytes \(valid\)/,
    /Prefix +: fd00:1:2:3::\/64/,
    /On-link +: +Yes/,
    /Autonomous address conf\.: +Yes/,
    /Valid time +: +86400 /,
    /Pref\. time +: +14400 /,
    /Recursive DNS server +: fd00:1:2:3::1/,
    /DNS server lifetime +: +1800 /,
    /DNS search list +: lan\.example/,
    /DNS search list lifetime: +1800 /,
  ])
    assert.match(stdout, line)

  const [first = assert.fail()] = heardBy(port)
  assert.deepEqual([formatIp6(first.frame.destination), first.frame.hopLimit], ['ff02::1', 255])
  // RFC 4862 §5.4: before the first message came from the link-local address, the others on the link were asked for it.
  const frames = port.frames.flatMap((frame) => decodeFrame(frame) ?? [])
  const asked = frames.findIndex(
    ({ message, source }) =>
      message[0] === 135 && formatIp6(source) === '::' && equalIp6(asIp6(message.slice(8, 24)), first.frame.source),
  )
  const told = frames.findIndex(({ message }) => message[0] === 134)
  assert.ok(asked >= 0 && asked < told, `Neighbor Solicitation ${asked}, Router Advertisement ${told}`)
  assert.deepEqual(
    optionOf(first, 'pref64').map(({ prefix, lifetimeS }) => [formatIp6(prefix.addr), prefix.lenBits, lifetimeS]),
    [
      ['64:ff9b::', 96, 1800],
      ['2001:db8:64::', 48, 1800],
    ],
  )

  port.frames.length = 0
  await service.stop('SIGTERM')
  const finals = heardBy(port)
  assert.ok(finals.length >= 1 && finals.length <= 3, `${finals.length} final messages (RFC 4861 §6.2.5)`)
  for (const final of finals) {
    assert.equal(final.routerLifetimeS, 0)
    const withdrawn = (['rio', 'rdnss', 'dnssl', 'pref64'] as const).flatMap((kind) => optionOf(final, kind))
    assert.deepEqual(
      withdrawn.map(({ kind, lifetimeS }) => `${kind} ${lifetimeS}`),
      ['rio 0', 'rdnss 0', 'dnssl 0', 'pref64 0', 'pref64 0'],
    )
  }
  assert.equal(defaultRoute(), '')
  assert.equal(routerState(), before)
})

test('RFC 4862 §5.4.5: another node has the link-local address: said, and not a message goes out from it', {
  skip,
}, async () => {
  forward(1)
  cable({ dad: true })
  router.ip('link set lan0 address 02:00:5e:10:00:01')
  host.ip('address add fe80::5eff:fe10:1/64 dev eth0 nodad')
  writeFileSync(SITE, document())
  const port = openPort()
  start()
  await untilProblem(/fe80::5eff:fe10:1 .*another node/)
  assert.equal(health().state, 'degraded')
  assert.deepEqual(heardBy(port), [])
})

test('RFC 4861 §6.2.5: without forwarding no default router, said with the way out, healed when it comes', {
  skip,
}, async () => {
  forward(0)
  cable()
  writeFileSync(SITE, document())
  const port = openPort()
  start()
  const first = await until('the first message', () => heardBy(port)[0])
  assert.equal(first.routerLifetimeS, 0)
  assert.match(await untilProblem(/forwarding/), /ipv6\/conf\/all\/forwarding and ipv6\/conf\/lan0\/forwarding are 0/)
  assert.equal(defaultRoute(), '')
  forward(1)
  await until('the default route', () => defaultRoute() || undefined)
  await untilOk()
  forward(0)
  await until('no default route', () => defaultRoute() === '')
})

test('restart (ON_STOP=keep) and crash: not a word, everything stays, the successor goes on', { skip }, async () => {
  forward(1)
  cable()
  writeFileSync(SITE, document())
  const before = routerState()
  const port = openPort()
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const service = start({ ON_STOP: 'keep' })
    await untilOk()
    const standing = routerState()
    await service.stop(signal)
    assert.equal(routerState(), standing)
  }
  const last = start()
  await untilOk()
  assert.ok(
    heardBy(port).every(({ routerLifetimeS }) => routerLifetimeS > 0),
    'a message withdrew the router',
  )
  await last.stop('SIGTERM')
  assert.equal(routerState(), before)
})

test('the interface is missing, comes, is deleted, comes again: said, healed, hosts get the new router', {
  skip,
}, async () => {
  forward(1)
  router.runSync('ip', 'link', 'delete', 'lan0')
  writeFileSync(SITE, document())
  start()
  assert.match(await untilProblem(/does not exist/), /"lan0" \(lan\.interface\) does not exist/)
  cable()
  await untilOk()
  const first = await until('the default route', () => defaultRoute() || undefined)
  router.ip('link delete lan0')
  await untilProblem(/does not exist/)
  cable()
  const second = await until('the new default route', () => defaultRoute() || undefined)
  assert.notEqual(second, first)
  await untilOk()
})

test('a changed document is announced at once, a bad one changes nothing', { skip }, async () => {
  forward(1)
  cable()
  writeFileSync(SITE, document())
  const port = openPort()
  start()
  await until('the first message', () => heardBy(port)[0])
  await untilOk()
  writeFileSync(SITE, document(', preference: high, curHopLimit: 33', '::2'))
  const changed = await until('the change', () => heardBy(port).find(({ curHopLimit }) => curHopLimit === 33))
  assert.equal(changed.preference, 'high')
  assert.deepEqual(optionOf(changed, 'rdnss')[0]?.servers.map(formatIp6), ['fd00:1:2:3::2'])
  const addresses = router.ip('-o -6 address show dev lan0')
  assert.ok(addresses.includes('fd00:1:2:3::2/64') && !addresses.includes('fd00:1:2:3::1/64'), addresses)
  writeFileSync(SITE, document(', curHopLimit: 999'))
  await untilProblem(/ra\.curHopLimit: 999/)
  port.frames.length = 0
  await solicit(host)
  await until('the answer', () => heardBy(port)[0])
  assert.ok(heardBy(port).every(({ curHopLimit }) => curHopLimit === 33))
})

test('more than fits in one message: two, a Linux host takes every route of both (RFC 4191, RFC 4861 §6.2.3)', {
  skip,
}, async () => {
  forward(1)
  cable()
  host.sysctl('ipv6/conf/eth0/accept_ra_rt_info_max_plen', 128)
  const prefixes = Array.from({ length: 80 }, (_, n) => `2001:db8:1:${(n + 1).toString(16)}::/64`)
  const routes = prefixes.map((prefix) => `{ prefix: '${prefix}' }`).join(', ')
  writeFileSync(SITE, document(`, pref64Route: true, routes: [${routes}]`))
  const port = openPort()
  start()
  await untilOk()
  await until('both messages', () => heardBy(port).length >= 2)
  const [first = assert.fail(), second = assert.fail()] = heardBy(port)
  assert.ok(first.frame.message.length <= 1240 && second.frame.message.length <= 1240)
  assert.deepEqual([first.routerLifetimeS, second.routerLifetimeS], [1800, 1800])
  assert.equal(optionOf(first, 'rio').length + optionOf(second, 'rio').length, prefixes.length + 2)
  const wanted = [...prefixes, '64:ff9b::/96', '2001:db8:64::/48']
  const lines = host.ip('-6 route show dev eth0 proto ra').split('\n')
  for (const prefix of wanted)
    assert.ok(
      lines.some((line) => line.startsWith(`${prefix} via fe80::`)),
      prefix,
    )
})

test('a message that cannot be written: the document is rejected with the list to shorten, the old one stays', {
  skip,
}, async () => {
  forward(1)
  cable()
  writeFileSync(SITE, document())
  const port = openPort()
  start()
  await untilOk()
  const servers = Array.from({ length: 77 }, (_, n) => `'fd00::${n + 1}'`).join(', ')
  writeFileSync(SITE, document(`, rdnss: [${servers}]`))
  await untilProblem(/rdnss option has 1240 octets, at most 1216 fit/)
  assert.equal(health().state, 'rejected')
  port.frames.length = 0
  await solicit(host)
  const still = await until('the answer', () => heardBy(port)[0])
  assert.deepEqual(optionOf(still, 'rdnss')[0]?.servers.map(formatIp6), ['fd00:1:2:3::1'])
})

const multicastMac = Uint8Array.of(0x33, 0x33, 0, 0, 0, 2)
const ALL_ROUTERS = parseIp6('ff02::2') ?? assert.fail()

/** A solicitation from the n-th of many hosts, with that host's link-layer address. */
const solicitationOf = (n: number, options: Uint8Array): Uint8Array => {
  const mac = Uint8Array.of(2, 0, 0, 1, n >> 8, n & 255)
  return encodeFrame({
    destinationMac: multicastMac,
    sourceMac: mac,
    source: asIp6(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, n >> 8, n & 255)),
    destination: ALL_ROUTERS,
    hopLimit: 255,
    message: Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0, 1, 1, ...mac, ...options),
  })
}

test('1000 solicitations per second, half of them garbage: bounded answers, and it goes on', { skip }, async () => {
  forward(1)
  cable()
  writeFileSync(SITE, document())
  const port = openPort()
  start()
  await untilOk()
  port.frames.length = 0
  const startMs = performance.now()
  const random = fc.sample(fc.uint8Array({ maxLength: 64 }), { numRuns: 3000, seed: 4861 })
  for (const [n, garbage] of random.entries()) {
    await until('its turn', () => performance.now() - startMs >= n)
    // Not more hosts: the kernel remembers each as a neighbour, in a table of 1024 that all namespaces share.
    port.send(solicitationOf(n % 200, n % 2 === 0 ? new Uint8Array(0) : garbage))
  }
  const answers = heardBy(port)
  const toAll = answers.filter(({ frame }) => formatIp6(frame.destination) === 'ff02::1')
  assert.ok(
    answers.length - toAll.length <= 2 * UNICAST_ANSWERS_MAX,
    `${answers.length - toAll.length} unicast answers`,
  )
  assert.ok(toAll.length <= 2, `${toAll.length} multicast answers in 3 s`)
  assert.ok(answers.length > 0)
  // The unicast answers are used up: this one is answered together with the others, within 3.5 s.
  const stdout = await solicit(host)
  assert.match(stdout, /Router lifetime +: +1800 /)
  assert.equal(health().state, 'ok')
})

const CAPABILITIES: readonly (readonly [string, RegExp])[] = [
  ['net_admin', /CAP_NET_ADMIN .*cap_add/],
  ['net_raw', /open a raw ICMPv6 socket: .*CAP_NET_RAW .*cap_add: \[NET_ADMIN, NET_RAW\]/],
]
for (const [capability, message] of CAPABILITIES) {
  test(`without ${capability}: which capability and which line, and it stays up`, { skip }, async () => {
    forward(1)
    cable()
    writeFileSync(SITE, document())
    const service = start({}, ['setpriv', `--bounding-set=-${capability}`, `--inh-caps=-${capability}`])
    await untilProblem(message)
    assert.equal(health().state, 'degraded')
    assert.equal(service.child.exitCode, null)
  })
}
