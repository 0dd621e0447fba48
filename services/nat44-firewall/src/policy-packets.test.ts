/** What the owner says in the firewall section, with real packets: forwards, blocks, limits, IPv4 LANs, open IPv6. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { WEEKDAYS } from '@sixgate/site'
import { enterNamespace } from '@sixgate/testkit'
import { planConntrack } from './core/conntrack.ts'
import { ICMP6 } from './core/icmp6.ts'
import type { Ruleset } from './core/nft.ts'
import { buildRuleset } from './core/ruleset.ts'
import { DAY_S, utcOffsetS } from './core/schedule.ts'
import type { Facts } from './core/zones.ts'
import { PacketLab } from './testkit/packet-lab.ts'
import {
  HOST,
  HOST_GLOBAL,
  homeAddressOption,
  icmp6,
  ipv6Packet,
  MAPPED_SERVER,
  POOL_HOST,
  routingHeader2,
  SERVER,
  SERVER6,
  tcp,
  udp,
  udpDatagram,
  UPLINK,
  UPLINK6,
} from './testkit/packets.ts'
import { type SiteChanges, testFacts, testSite } from './testkit/scenarios.ts'

const skip = enterNamespace()
let net: PacketLab
before(async () => {
  if (skip !== false) return
  net = await PacketLab.open()
  // The pool address of the host that forwards lead to: this lab's translator does not translate, it answers.
  net.translator.serve(5004, POOL_HOST)
})
after(async () => {
  await net?.close()
})

const rules = (firewall: unknown, changes: SiteChanges = {}, facts: Partial<Facts> = {}): Ruleset =>
  buildRuleset(testSite({ ...changes, firewall }), testFacts(facts))

const counted = async (rule: string): Promise<void> =>
  assert.ok((await net.count(rule)) > 0, `rule ${rule} did not count`)

const GLOBAL = { lan: { prefix: '2001:db8:1:2::/64' } }
const STATIC = { nat64: { hosts: [{ ip6: HOST, ip4: POOL_HOST }] } }
const FORWARDS = {
  forwards: [
    { protocol: 'tcp', port: 8443, to: HOST, toPort: 7777 },
    { protocol: 'udp', port: '5000-5010', to: HOST },
  ],
}

test('a port forward: from the uplink to the pool address of the host, answers with the uplink address', {
  skip,
}, async () => {
  await net.load(rules(FORWARDS, STATIC))
  assert.equal(await net.internet.ask(tcp(UPLINK, 8443)), `answer ${SERVER}`)
  await counted('forward-tcp-8443')
  await counted('forward4-tcp-8443')
  // The answer comes only if it bears the address and the port that were asked.
  assert.equal(await net.internet.ask(udp(UPLINK, 5004)), `answer ${SERVER}`)
  await counted('forward-udp-5000-5010')
  await counted('forward4-udp-5000-5010')
})

test('a port forward: translated, it reaches the host and its port, and no other', { skip }, async () => {
  await net.load(rules(FORWARDS, STATIC))
  assert.equal(await net.translator.ask(tcp(HOST, 7777, MAPPED_SERVER)), `answer ${MAPPED_SERVER}`)
  await counted('forward6-tcp-8443')
  await net.send(rules(FORWARDS, STATIC), 'translator', { probe: udp(HOST, 5004, MAPPED_SERVER) })
  await net.passedBy('forward6-udp-5000-5010')
  assert.equal(await net.translator.ask(tcp(HOST, 500, MAPPED_SERVER)), 'ECONNREFUSED')
  await counted('lan-forward-refused-tcp')
})

test('a port forward, hairpin: a LAN host that names the uplink address is sent to the same host', {
  skip,
}, async () => {
  await net.load(rules(FORWARDS, STATIC))
  const dump = net.translator.namespace.spawn('tcpdump', ['-n', '-l', '-c1', '-Q', 'in', '-i', 'eth0', 'udp port 5004'])
  await dump.waitFor(/listening on/)
  net.translator.fire(udp(UPLINK, 5004, '198.18.0.10'))
  // From the uplink address (RFC 4787 REQ-9), so that the answer comes back to the gateway.
  await dump.waitFor(/203\.0\.113\.2\.\d+ > 198\.18\.0\.9\.5004/)
  await dump.stop()
  await counted('nat64-hairpin4')
  await counted('forward-hairpin-udp-5000-5010')
  net.translator.fire(tcp(UPLINK, 8443, '198.18.0.10'))
  await net.counted('forward-hairpin-tcp-8443', 0)
})

test('a port forward: straight to the pool address is no way in', { skip }, async () => {
  await net.send(rules(FORWARDS, STATIC), 'internet', { probe: udp(POOL_HOST, 5004) })
  await net.stoppedBy('pool4-from-outside')
})

test('a port forward with ipv6: the own address of the host too, that port only', { skip }, async () => {
  const forward = { protocol: 'tcp', port: 8443, to: HOST_GLOBAL, toPort: 7777, ipv6: true }
  const forwarding = rules({ forwards: [forward] }, GLOBAL)
  await net.load(forwarding)
  assert.equal(await net.internet.ask(tcp(HOST_GLOBAL)), `answer ${SERVER6}`)
  await counted('forward-native-tcp-8443')
  await net.send(forwarding, 'internet', { probe: tcp(HOST_GLOBAL, 500) })
  await net.counted('wan-unsolicited-tcp', 0)
  await net.stoppedBy('unsolicited-waits')
})

test('ipv6Inbound accept: LAN hosts are reached from the uplink (RFC 6092 REC-49)', { skip }, async () => {
  await net.load(rules({ ipv6Inbound: 'accept' }, GLOBAL))
  assert.equal(await net.internet.ask(tcp(HOST_GLOBAL)), `answer ${SERVER6}`)
  await counted('wan-to-lan-all')
})

const macOfHost = (): string =>
  /link\/ether (\S+)/.exec(net.host.namespace.ip('link show eth0'))?.[1] ?? assert.fail('no MAC address')

test('a blocked host, by address: nothing leaves the LAN, known flows end, others are free', { skip }, async () => {
  await net.load(rules({}))
  const flow = { ...udp(MAPPED_SERVER, 7777, HOST), sourcePort: 4712 }
  assert.equal(await net.host.ask(flow), `answer ${HOST}`)
  await net.load(rules({ blocks: [{ host: HOST }] }))
  assert.equal(await net.host.ask(flow), 'EACCES')
  await counted('block-1')
  await counted('blocked')
  assert.equal(await net.host.ask(tcp(MAPPED_SERVER, 7777, HOST)), 'ECONNREFUSED')
  await counted('blocked-tcp')
  assert.equal(await net.host.ask(tcp(MAPPED_SERVER, 7777, 'fd00:1:2:3::11')), 'answer fd00:1:2:3::11')
})

test('a blocked host, by MAC address: whatever address it makes itself', { skip }, async () => {
  await net.load(rules({ blocks: [{ host: macOfHost() }] }))
  for (const source of [HOST, 'fd00:1:2:3::11'])
    assert.equal(await net.host.ask(tcp(MAPPED_SERVER, 7777, source)), 'ECONNREFUSED')
  await net.load(rules({ blocks: [{ host: '02:ff:ff:ff:ff:ff' }] }))
  assert.equal(await net.host.ask(tcp(MAPPED_SERVER, 7777, HOST)), `answer ${HOST}`)
})

const HOUR_S = 3600
const clock = (secondsS: number): string => {
  const minutes = Math.floor((((secondsS % DAY_S) + DAY_S) % DAY_S) / 60)
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

for (const timezone of ['UTC', 'Asia/Kolkata', 'Pacific/Pago_Pago', 'Pacific/Kiritimati'])
  test(`a blocked host by the clock of ${timezone}: inside of the time and outside`, { skip }, async () => {
    const offsetS = utcOffsetS(timezone, Date.now())
    const nowS = Math.floor(Date.now() / 1000) + offsetS
    const today = (4 + Math.floor(nowS / DAY_S)) % 7
    const ask = async (block: unknown): Promise<string> => {
      await net.load(rules({ timezone, blocks: [block] }, {}, { utcOffsetS: offsetS }))
      return await net.host.ask(tcp(MAPPED_SERVER, 7777, HOST))
    }
    const from = clock(nowS - 2 * HOUR_S)
    const until = clock(nowS + 2 * HOUR_S)
    assert.equal(await ask({ host: HOST, from, until }), 'ECONNREFUSED', `${from} to ${until}`)
    assert.equal(await ask({ host: HOST, from: until, until: from }), `answer ${HOST}`, `${until} to ${from}`)
    // The two hours before now may have begun on the day before.
    const days = [WEEKDAYS[today], WEEKDAYS[(today + 6) % 7]]
    assert.equal(await ask({ host: HOST, days, from, until }), 'ECONNREFUSED')
    assert.equal(await ask({ host: HOST, days: [WEEKDAYS[(today + 3) % 7]], from, until }), `answer ${HOST}`)
    assert.equal(await ask({ host: HOST, days: [WEEKDAYS[(today + 3) % 7]] }), `answer ${HOST}`)
  })

const OPEN = {
  inbound: [
    { protocol: 'tcp', port: 8080 },
    { protocol: 'udp', port: 8080 },
  ],
}

test('flows from the uplink beyond the limit are dropped; what is refused anyway uses nothing up', {
  skip,
}, async () => {
  await net.load(rules({ ...OPEN, limits: { newFromWanPerSecond: 10 } }))
  for (let probe = 0; probe < 60; probe++) net.internet.fire(udp(UPLINK, 9999))
  await net.counted('wan-refused', 59)
  assert.equal(await net.internet.ask(udp(UPLINK, 8080)), `answer ${SERVER}`)
  await net.caughtUp()
  const before = net.gateway.received.length
  for (let probe = 0; probe < 60; probe++) net.internet.fire(udp(UPLINK, 8080))
  // A burst of 20, and 10 for each second that passes.
  await net.counted('wan-new-flood', 20)
  await net.caughtUp()
  const got = net.gateway.received.length - before
  assert.ok(got >= 10 && got < 40, `${got} arrived`)
})

test('TCP flows from the uplink have a limit of their own; UDP goes on', { skip }, async () => {
  const limited = rules({ ...OPEN, limits: { synFromWanPerSecond: 5 } })
  await net.watch(limited, { match: 'iifname "wan0" tcp dport 8080 tcp flags & (syn | ack) == syn' })
  for (let probe = 0; probe < 40; probe++) net.internet.fire(tcp(UPLINK, 8080))
  await net.counted('wan-syn-flood', 20)
  await net.heldBackBy('wan-syn-flood')
  assert.equal(await net.internet.ask(udp(UPLINK, 8080)), `answer ${SERVER}`)
  assert.equal(await net.count('wan-new-flood'), 0)
})

test('a LAN host that opens flow after flow is held, its neighbour is not', { skip }, async () => {
  await net.watch(rules({ limits: { newPerHostPerSecond: 10 } }), { match: `ip6 saddr ${HOST} udp dport 7777` })
  for (let probe = 0; probe < 60; probe++) net.host.fire(udp(MAPPED_SERVER, 7777, HOST))
  await net.counted('lan-new-flood', 20)
  await net.heldBackBy('lan-new-flood')
  assert.equal(await net.host.ask(udp(MAPPED_SERVER, 7777, 'fd00:1:2:3::11')), 'answer fd00:1:2:3::11')
  // Rules that are replaced keep the set, and with it what each host has used up.
  await net.load(rules({ limits: { newPerHostPerSecond: 10 }, mssClamp: false }))
  assert.equal(await net.host.ask(udp(MAPPED_SERVER, 7777, 'fd00:1:2:3::11')), 'answer fd00:1:2:3::11')
})

/** Nobody answers at these ports: to conntrack such a flow is new with each packet (RTP, syslog). */
const ONE_WAY = [
  {
    what: 'from the LAN',
    limits: { newPerHostPerSecond: 10 },
    from: 'host',
    ends: [
      { address: HOST, port: 6000 },
      { address: MAPPED_SERVER, port: 9 },
    ],
    more: 'lan-new-more',
    flood: 'lan-new-flood',
    chain: 'lan-to-nat64',
  },
  {
    what: 'from the uplink',
    limits: { newFromWanPerSecond: 10, synFromWanPerSecond: 5 },
    from: 'internet',
    ends: [
      { address: SERVER6, port: 6000 },
      { address: UPLINK6, port: 8081 },
    ],
    more: 'wan-accepted-more',
    flood: 'wan-new-flood',
    chain: 'open-udp-8081',
  },
] as const

for (const { what, limits, from, ends, more, flood, chain } of ONE_WAY)
  test(`one flow that nobody answers is no flood, however fast it is, ${what}`, { skip }, async () => {
    const [source, destination] = ends
    const match = `ip6 saddr ${source.address} udp sport ${source.port} udp dport ${destination.port}`
    await net.watch(rules({ inbound: [{ protocol: 'udp', port: 8081 }], limits }), { match })
    const packet = ipv6Packet('11', udpDatagram(source, destination), source.address, destination.address)
    for (let sent = 0; sent < 100; sent++) net[from].raw6({ destination: destination.address, packet })
    await net.passed(chain, 100)
    assert.equal(await net.count(more), 99)
    assert.equal(await net.count(flood), 0)
  })

test('IPv4 on the LAN, when firewall.lan4 says so: masqueraded, its own prefix only', { skip }, async () => {
  const lan4 = rules({ lan4: [{ interface: 'lan0', prefix: '192.168.7.0/24' }] })
  await net.load(lan4)
  assert.equal(await net.host.ask(tcp(SERVER, 7777, '192.168.7.7')), `answer ${UPLINK}`)
  await counted('masquerade-lan4')
  assert.equal(await net.host.ask(udp('192.168.7.1', 53)), 'answer 192.168.7.7')
  await net.send(lan4, 'host', { probe: { ...udp('192.168.7.1', 67), sourcePort: 68 } })
  await net.passedBy('lan4-dhcp')
  const other = rules({ lan4: [{ interface: 'lan0', prefix: '192.168.6.0/24' }] })
  await net.send(other, 'host', { probe: udp(SERVER, 7777, '192.168.7.7') })
  await net.stoppedBy('lan4-spoof-1')
  await net.send(other, 'host', { probe: udp('192.168.7.1', 53) })
  await net.stoppedBy('lan-ip4')
})

test('an IPv4 LAN on a link of its own: masqueraded; from the uplink nothing comes to it', { skip }, async () => {
  const lan4 = rules({ lan4: [{ interface: 'docker0', prefix: '172.17.0.0/16' }] })
  await net.load(lan4)
  assert.equal(await net.other.ask(tcp(SERVER, 7777, '172.17.0.2')), `answer ${UPLINK}`)
  await counted('lan4-to-wan-1')
  await net.send(lan4, 'other', { probe: udp(SERVER, 7777, '192.0.2.2') })
  await net.stoppedBy('lan-reverse-path')
  await net.send(lan4, 'internet', { probe: tcp('172.17.0.2') })
  await net.stoppedBy('wan-forward-refused')
})

test('an IPv4 LAN reaches a forwarded port by the uplink address', { skip }, async () => {
  await net.load(rules({ ...FORWARDS, lan4: [{ interface: 'lan0', prefix: '192.168.7.0/24' }] }, STATIC))
  assert.equal(await net.host.ask(tcp(UPLINK, 8443, '192.168.7.7')), 'answer 192.168.7.7')
  await counted('forward4-tcp-8443')
})

test('MSS of an IPv4 LAN fits the uplink', { skip }, async () => {
  await net.load(rules({ lan4: [{ interface: 'lan0', prefix: '192.168.7.0/24' }] }))
  net.gateway.namespace.ip('link set wan0 mtu 1400')
  const dump = net.internet.namespace.spawn('tcpdump', ['-nlc1', '-Qin', '-ieth0', 'tcp[tcpflags] & tcp-syn != 0'])
  await dump.waitFor(/listening on/)
  await net.host.ask(tcp(SERVER, 7777, '192.168.7.7'))
  const [, mss] = await dump.waitFor(/mss (\d+)/)
  await dump.stop()
  net.gateway.namespace.ip('link set wan0 mtu 1500')
  assert.equal(Number(mss), 1360)
})

test('a source that belongs to another link does not come from the uplink (RFC 3704)', { skip }, async () => {
  await net.caughtUp()
  const before = net.gateway.received.length
  await net.send(rules(OPEN), 'internet', { probe: udp(UPLINK, 8080, '172.17.0.9') })
  await net.stoppedBy('wan-reverse-path')
  assert.equal(net.gateway.received.length, before)
  await net.send(rules({ ...OPEN, reversePath: false }), 'internet', { probe: udp(UPLINK, 8080, '172.17.0.9') })
  await net.passedBy('open-udp-8080')
})

test('a LAN host with a prefix that is no longer valid is told so (RFC 7084 L-14)', { skip }, async () => {
  const old = '2001:db8:01d::/64'
  const source = '2001:db8:1d::10'
  net.host.namespace.ip(`-6 address add ${source}/64 dev eth0 nodad`)
  // As the service does: the answer needs a way back.
  net.gateway.namespace.ip(`-6 route add ${old} dev lan0`)
  const renumbered = rules({}, {}, { oldPrefixes: [testSite({ lan: { prefix: '2001:db8:1d::/64' } }).lan.prefix] })
  await net.load(renumbered)
  // ICMPv6 1/5: the host's kernel makes EACCES of it.
  assert.equal(await net.host.ask(udp(MAPPED_SERVER, 7777, source)), 'EACCES')
  await counted('lan-old-prefix')
  await net.send(renumbered, 'host', { icmp6: icmp6(ICMP6.NEIGHBOR_SOLICITATION, { source }) })
  await net.passedBy('lan-old-nd')
  net.gateway.namespace.ip(`-6 route del ${old} dev lan0`)
  net.host.namespace.ip(`-6 address del ${source}/64 dev eth0`)
})

test('a DHCP answer comes through before there is a way back to the server', { skip }, async () => {
  await net.send(rules({}), 'internet', { probe: { ...udp(UPLINK, 68, '172.17.0.9'), sourcePort: 67 } })
  await net.passedBy('wan-dhcp4')
})

/** ICMPv6 of RFC 4890 §4.3 from the uplink to a LAN host with a global address: type and the rule that decides; all but mobility are refused. */
const TRANSIT: readonly (readonly [what: string, type: number, rule: string, passes?: true])[] = [
  ['home agent address discovery request (§4.3.2)', 144, 'wan-to-lan-mobility', true],
  ['home agent address discovery reply (§4.3.2)', 145, 'wan-to-lan-mobility', true],
  ['mobile prefix solicitation (§4.3.2)', 146, 'wan-to-lan-mobility', true],
  ['mobile prefix advertisement (§4.3.2)', 147, 'wan-to-lan-mobility', true],
  ['seamoby (§4.3.4)', 150, 'forward-invalid'],
  ['an error that does not exist (§4.3.4)', 60, 'forward-invalid'],
  ['an information that does not exist (§4.3.4)', 180, 'forward-invalid'],
  ['node information query (§4.3.5)', 139, 'wan-forward-refused'],
  ['node information answer (§4.3.5)', 140, 'forward-invalid'],
  ['router renumbering (§4.3.5)', 138, 'forward-invalid'],
  ['an experimental error (§4.3.5)', 100, 'forward-invalid'],
  ['an experimental information (§4.3.5)', 200, 'forward-invalid'],
  ['the last error, kept for extensions (§4.3.5)', 127, 'forward-invalid'],
  ['the last information, kept for extensions (§4.3.5)', 255, 'forward-invalid'],
]

for (const [what, type, rule, passes = false] of TRANSIT)
  test(`ICMPv6 from the uplink to the LAN: ${what}: ${rule}`, { skip }, async () => {
    const message = icmp6(type, { source: SERVER6, destination: HOST_GLOBAL, hopLimit: 64 })
    await net.send(rules({}, GLOBAL), 'internet', { icmp6: message })
    await (passes ? net.passedBy(rule) : net.stoppedBy(rule))
  })

/** The same to the gateway, from the LAN (§4.4): all are refused. */
const LOCAL: readonly (readonly [what: string, type: number, rule: string])[] = [
  ['router renumbering (§4.4.3)', 138, 'input-invalid'],
  ['home agent address discovery request: this is none (§4.4.3)', 144, 'input-invalid'],
  ['seamoby (§4.4.3)', 150, 'input-invalid'],
  ['node information query (§4.4.4)', 139, 'lan-refused'],
  ['node information answer (§4.4.4)', 140, 'input-invalid'],
  ['an error that does not exist (§4.4.4)', 60, 'input-invalid'],
  ['an experimental error (§4.4.5)', 100, 'input-invalid'],
  ['the last error, kept for extensions (§4.4.5)', 127, 'input-invalid'],
  ['an information that does not exist (§4.4.5)', 180, 'input-invalid'],
  ['an experimental information (§4.4.5)', 200, 'input-invalid'],
]

for (const [what, type, rule] of LOCAL)
  test(`ICMPv6 from the LAN to the gateway: ${what}: ${rule}`, { skip }, async () => {
    const message = icmp6(type, { source: HOST, destination: 'fd00:1:2:3::1', hopLimit: 64 })
    await net.send(rules({}), 'host', { icmp6: message })
    await net.stoppedBy(rule)
  })

test('Mobile IPv6 messages of the LAN go out (RFC 4890 §4.3.2)', { skip }, async () => {
  const message = icmp6(144, { source: HOST_GLOBAL, destination: SERVER6, hopLimit: 64 })
  await net.send(rules({}, GLOBAL), 'host', { icmp6: message })
  await net.passedBy('lan-to-wan-mobility')
})

test('a mobile host of the LAN: its home address option goes out, type 2 routing headers come back (RFC 6092 REC-27)', {
  skip,
}, async () => {
  for (const { path, value } of planConntrack(['nf_conntrack_checksum'])) net.gateway.namespace.sysctl(path, value)
  const [home, far] = [
    { address: '2001:db8:aaaa::77', port: 5000 },
    { address: SERVER6, port: 7777 },
  ]
  const out = `${homeAddressOption(home.address)}${udpDatagram(home, far)}`
  const outgoing = { destination: far.address, packet: ipv6Packet('3c', out, HOST_GLOBAL, far.address) }
  await net.send(rules({}, GLOBAL), 'host', { raw6: outgoing })
  await net.passedBy('lan-to-wan')
  const known = await net.count('forward-established')
  const back = `${routingHeader2(home.address)}${udpDatagram(far, home)}`
  net.internet.raw6({ destination: HOST_GLOBAL, packet: ipv6Packet('2b', back) })
  await net.counted('forward-established', known)
  assert.equal(await net.count('forward-invalid'), 0)
})

/** RFC 4302 §2: next header UDP, 4 + 2 words, SPI, sequence, 96 bits of ICV; then a UDP header to port 7777. */
const AH = '11040000000000010000000101020304050607080910111200001e611e6100080000'

test('AH comes in, whatever it protects (RFC 6092 REC-21)', { skip }, async () => {
  await net.send(rules({}, GLOBAL), 'internet', { raw6: { destination: HOST_GLOBAL, packet: ipv6Packet('33', AH) } })
  await net.passedBy('wan-to-lan-ah')
})

/** RFC 8200 §4: next header AH, no more words, padding; the routing header is of type 2 (RFC 6275 §6.4) and has an address. */
const BEFORE_AH: readonly (readonly [what: string, nextHeader: string, header: string, rule: string])[] = [
  ['hop-by-hop options', '00', '3300010400000000', 'wan-to-lan-ah-hbh'],
  ['destination options', '3c', '3300010400000000', 'wan-to-lan-ah-dst'],
  ['a routing header', '2b', '330202010000000020010db8000100020000000000000011', 'wan-to-lan-ah-rt'],
]
for (const [what, nextHeader, header, rule] of BEFORE_AH)
  test(`AH behind ${what} comes in too (RFC 6092 REC-21)`, { skip }, async () => {
    const packet = ipv6Packet(nextHeader, `${header}${AH}`)
    await net.send(rules({}, GLOBAL), 'internet', { raw6: { destination: HOST_GLOBAL, packet } })
    await net.passedBy(rule)
  })

test('addresses of documentation: no place in the internet for a LAN that has none of them (RFC 6092 REC-3)', {
  skip,
}, async () => {
  const host = '2a00:1:2:3::10'
  net.host.namespace.ip(`-6 address add ${host}/64 dev eth0 nodad`)
  net.gateway.namespace.ip('-6 address add 2a00:1:2:3::1/64 dev lan0 nodad')
  const real = rules({}, { lan: { prefix: '2a00:1:2:3::/64' } })
  await net.load(real)
  assert.equal(await net.host.ask(tcp(SERVER6, 7777, host)), 'ENETUNREACH')
  await counted('lan-to-wan-local')
  await net.send(real, 'internet', { probe: udp(host, 7777, SERVER6) })
  await net.stoppedBy('wan-forward-bogon6')
})
