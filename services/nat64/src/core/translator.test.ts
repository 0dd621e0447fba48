/** What the golden vectors do not show: state over several packets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CoreLab,
  eam,
  HOST_A,
  HOST_B,
  ip4Of,
  ip6Of,
  prefix4Of,
  prefix6Of,
  SERVER,
  SERVER6,
  STRANGER6,
} from '../testkit/core-lab.ts'
import { icmp6, ip4, ip6, type Octets, tcp, udp } from '../testkit/packet-builder.ts'
import { offloaded, toHost4, toHost6, toServer6 } from '../testkit/vectors/vector.ts'
import { EXPLAIN, Verdict, VERDICT_NAMES, VERDICTS } from './verdict.ts'

test('verdict numbers fit the counters, are unique and explained in one sentence', () => {
  const numbers = Object.values(Verdict)
  assert.equal(new Set(numbers).size, numbers.length)
  assert.ok(numbers.every((number) => number >= 0 && number < VERDICTS))
  assert.equal(VERDICT_NAMES[Verdict.NO_MAPPING], 'NO_MAPPING')
  for (const text of Object.values(EXPLAIN)) assert.match(text, /^\w.*\.$/)
})

test('a packet in either direction marks its host as seen', () => {
  const lab = new CoreLab()
  lab.clock.nowS = 2000
  lab.playPacket(toServer6(udp()))
  assert.equal(lab.seenS(0), 2000)
  lab.clock.nowS = 3000
  lab.playPacket(toHost4(udp()))
  assert.equal(lab.seenS(0), 3000)
  lab.clock.nowS = 4000
  lab.playPacket(toServer6(udp(), { hops: 1 }))
  assert.equal(lab.seenS(0), 3000, 'a packet that is not translated does not')
  assert.equal(lab.seenS(1), 0)
})

const idOf = (packet: Octets | undefined): number => (packet?.[4] ?? 0) * 256 + (packet?.[5] ?? 0)

test('RFC 7915 §5.1, §7: identifications go up by packet, by source, destination and protocol', () => {
  const lab = new CoreLab()
  const ids = [udp(), udp(), tcp(), udp()].map((upper) => idOf(lab.playPacket(toServer6(upper)).out[0]))
  assert.deepEqual(ids, [0, 1, 0, 2])
})

test('a super-packet takes as many identifications as it has segments', () => {
  const lab = new CoreLab()
  const packet = toServer6(tcp({ checksum: 'partial', data: Array(3000).fill(1) }))
  lab.play(offloaded({ gso: 4, hdrLen: 60, gsoSize: 1000, csumStart: 40, csumOffset: 16 }, packet))
  // 3020 bytes of TCP in segments of 1000: the kernel numbers them 0, 1, 2 (and the count errs on the safe side).
  assert.ok(idOf(lab.playPacket(toServer6(tcp())).out[0]) >= 3)
})

test('a mapping that is installed is used at once, one that is removed never again', () => {
  const lab = new CoreLab()
  const packet = ip6({ src: STRANGER6, dst: SERVER6 }, udp())
  assert.equal(lab.playPacket(packet).verdict, 'NEEDS_MAPPING')
  assert.equal(lab.translator.wantedPref, 0)
  lab.translator.map.hosts.install(5, ip6Of(STRANGER6), 0, ip4Of('198.18.0.50') | 0)
  assert.deepEqual(lab.playPacket(packet).out, [ip4({ src: '198.18.0.50', dst: SERVER, ttl: 63 }, udp())])
  lab.translator.map.hosts.remove(5)
  assert.equal(lab.playPacket(packet).verdict, 'NEEDS_MAPPING')
  assert.equal(lab.playPacket(ip4({ src: SERVER, dst: '198.18.0.50' }, udp())).verdict, 'NO_MAPPING')
})

test('several instances: a packet to a pool address that nobody has yet is held, then translated or answered', () => {
  const lab = new CoreLab({ isShared: true })
  const packet = ip4({ src: SERVER, dst: '198.18.0.50' }, udp())
  assert.deepEqual(lab.playPacket(packet), { verdict: 'AWAITS_MAPPING', out: [] })
  const [answer] = lab.capture(() => assert.equal(lab.translator.giveUp(lab.frame), Verdict.NO_MAPPING))
  assert.deepEqual([answer?.[9], answer?.[20], answer?.[21]], [1, 3, 1], 'ICMP: host unreachable')
  lab.translator.map.hosts.install(5, ip6Of(STRANGER6), 0, ip4Of('198.18.0.50') | 0)
  assert.equal(lab.playPacket(packet).verdict, 'TRANSLATED_4TO6')
  assert.equal(
    lab.playPacket(ip4({ src: SERVER, dst: '198.51.100.9' }, udp())).verdict,
    'NO_MAPPING',
    'not of the pool',
  )
})

test('a held packet that gets no mapping is answered: address unreachable', () => {
  const lab = new CoreLab()
  const packet = ip6({ src: STRANGER6, dst: SERVER6 }, udp())
  lab.playPacket(packet)
  // Other packets come through while it is held.
  const held = Uint8Array.from(lab.frame.bytes)
  lab.playPacket(toHost4(udp()))
  lab.frame.bytes.set(held)
  lab.frame.reset(128, packet.length)
  const out = lab.capture(() => lab.translator.refuse(lab.frame, Verdict.POOL_EXHAUSTED))
  assert.deepEqual(out, [ip6({ src: '2001:db8:1::1', dst: STRANGER6 }, icmp6({ type: 1, code: 3, body: packet }))])
})

test('source filter: only hosts of these prefixes may take an address', () => {
  const lab = new CoreLab({ map: { sources6: [prefix6Of('2001:db8:1::/64')] } })
  assert.equal(lab.playPacket(ip6({ src: '2001:db8:1::77', dst: SERVER6 }, udp())).verdict, 'NEEDS_MAPPING')
  const other = lab.playPacket(ip6({ src: '2001:db8:2::77', dst: SERVER6 }, udp()))
  assert.equal(other.verdict, 'SOURCE_NOT_ALLOWED')
  assert.equal(other.out.length, 1, 'and the others are told')
})

test("the gateway's own IPv4 addresses are refused", () => {
  const lab = new CoreLab({ map: { forbidden4: [prefix4Of('203.0.113.1/32')] } })
  const { verdict } = lab.playPacket(ip6({ src: HOST_A.ip6, dst: '64:ff9b::203.0.113.1' }, udp()))
  assert.equal(verdict, 'DESTINATION_FORBIDDEN')
})

test('RFC 6791: an error of a router without mapping comes from …', async (t) => {
  const error = (router: string): Octets => ip6({ src: router, dst: SERVER6 }, icmp6({ type: 3, body: toHost6(udp()) }))
  const sourceOf = (errorSource: 'own' | 'pool' | '192.0.0.8', router = STRANGER6): string => {
    const lab = new CoreLab({ map: { errorSource } })
    const { verdict, out } = lab.playPacket(error(router))
    assert.equal(verdict, 'TRANSLATED_6TO4')
    return (out[0] ?? []).slice(12, 16).join('.')
  }
  await t.test("the translator's own address", () => assert.equal(sourceOf('own'), '198.18.0.1'))
  await t.test('192.0.0.8', () => assert.equal(sourceOf('192.0.0.8'), '192.0.0.8'))
  await t.test('an address of the pool that no host has, the same for the same router', () => {
    const seen = Array.from({ length: 200 }, (_, index) => sourceOf('pool', `2001:db8:9::${(index + 1).toString(16)}`))
    assert.ok(new Set(seen).size > 50)
    for (const address of seen) {
      assert.match(address, /^198\.18\.0\.\d+$/)
      assert.ok(!['198.18.0.0', '198.18.0.1', '198.18.0.255', HOST_A.ip4, HOST_B.ip4].includes(address), address)
    }
    assert.equal(sourceOf('pool', '2001:db8:9::7'), sourceOf('pool', '2001:db8:9::7'))
  })
})

test('swap: the next packet sees the new snapshot', () => {
  const lab = new CoreLab()
  const other = new CoreLab({ map: { eams: [eam(`${HOST_A.ip6}/128`, '198.18.0.77/32')] } })
  lab.translator.swap(other.translator.map, { ...lab.settings, tosOverride: 4 })
  assert.deepEqual(lab.playPacket(toServer6(udp())).out, [
    ip4({ src: '198.18.0.77', dst: SERVER, ttl: 63, tos: 4 }, udp()),
  ])
})
