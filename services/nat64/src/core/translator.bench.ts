/**
 * `node services/nat64/src/core/translator.bench.ts`: nanoseconds that the translator itself takes for a packet, by kind,
 * with few mappings and with 65,536, whose hosts take turns in no order (every look-up misses the processor's caches).
 */
import { DEFAULT_SETTINGS } from './xlate.ts'
import { AddressMap } from './address-map/address-map.ts'
import { HostTable } from './address-map/host-table.ts'
import { Frame, HEADROOM, readVnet, writeVnet } from './frame.ts'
import { Translator } from './translator.ts'
import { addressMapConfig, ip4Of, ip6Of, prefix4Of } from '../testkit/core-lab.ts'
import { data, echoRequest6, icmp4, ip4, ip6, type Octets, quote, tcp, udp } from '../testkit/packet-builder.ts'
import { offloaded, plain } from '../testkit/vectors/vector.ts'
import { updateChecksum } from './checksum.ts'
import { VERDICT_NAMES, Verdict } from './verdict.ts'
import { IPV4 } from './wire/ipv4.ts'
import { VNET } from './wire/virtio-net.ts'

const ROUNDS = 7
const PACKETS = 300_000
/** Prime, so that a stride through the hosts meets each of them. */
const STRIDE = 40_503

const HOST6 = '2001:db8:1::1:0'
const HOST4 = '198.18.1.0'
const SERVER6 = '64:ff9b::192.0.2.33'
const SERVER4 = '192.0.2.33'
const big = tcp({ checksum: 'partial', data: data(60_000) })
const quoted = quote(ip4({ src: HOST4, dst: SERVER4 }, udp({ data: data(500) })), 128)

/** Last word of the IPv6 source and of the IPv4 destination, from the start of the packet. */
const IN_IP6 = 22
const IN_IP4 = 18

/** A kind of packet, from host number 0, and where the number of another host goes. */
const KINDS: readonly (readonly [name: string, packet: Octets, hostAt: number])[] = [
  ['6to4 UDP, 64 B of payload', plain(ip6({ src: HOST6, dst: SERVER6 }, udp({ data: data(64) }))), IN_IP6],
  ['4to6 UDP, 64 B of payload', plain(ip4({ src: SERVER4, dst: HOST4, df: true }, udp({ data: data(64) }))), IN_IP4],
  ['6to4 TCP, 1440 B of payload', plain(ip6({ src: HOST6, dst: SERVER6 }, tcp({ data: data(1440) }))), IN_IP6],
  [
    '6to4 TCP super-packet, 60 kB',
    offloaded(
      { gso: 4, hdrLen: 60, gsoSize: 1400, csumStart: 40, csumOffset: 16 },
      ip6({ src: HOST6, dst: SERVER6 }, big),
    ),
    IN_IP6,
  ],
  [
    '4to6 TCP super-packet, 60 kB',
    offloaded(
      { gso: 1, hdrLen: 40, gsoSize: 1400, csumStart: 20, csumOffset: 16 },
      ip4({ src: SERVER4, dst: HOST4, df: true }, big),
    ),
    IN_IP4,
  ],
  ['6to4 echo request', plain(ip6({ src: HOST6, dst: SERVER6 }, echoRequest6(data(56)))), IN_IP6],
]
const ERROR: Octets = plain(ip4({ src: '203.0.113.1', dst: HOST4 }, icmp4({ type: 11, body: quoted })))
const CUT: Octets = plain(ip4({ src: SERVER4, dst: HOST4 }, udp({ data: data(1472) })))

const makeTranslator = (hosts: number): Translator => {
  const table = new HostTable(new Uint32Array(hosts), 7)
  const [base6, base4] = [ip6Of(HOST6), ip4Of(HOST4)]
  for (let slot = 0; slot < hosts; slot++) {
    const ip6 = Uint8Array.from(base6)
    ip6[14] = slot >>> 8
    ip6[15] = slot & 255
    table.install(slot, ip6, 0, base4 + slot)
  }
  const map = { pool4: [prefix4Of('198.18.0.0/15')] }
  return new Translator({
    map: new AddressMap(addressMapConfig({ map }), table),
    settings: DEFAULT_SETTINGS,
    clock: { nowMs: 1e6, nowS: 1000 },
    output: { send: writeVnet, sendPiece: writeVnet },
    random: () => 0,
  })
}

/** Nanoseconds per packet, the best of some rounds; `hosts` take turns. */
const measure = (translator: Translator, packet: Octets, hostAt: number, hosts: number): number => {
  const frame = new Frame()
  // What translation overwrites; the payload stays as it is.
  const head = Uint8Array.from(packet.slice(0, 200))
  frame.bytes.set(packet, HEADROOM - VNET.LEN)
  const at = HEADROOM + hostAt
  const headerChecksum = frame.view.getUint16(HEADROOM + IPV4.CHECKSUM)
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    let host = 0
    const started = process.hrtime.bigint()
    for (let count = 0; count < PACKETS; count++) {
      frame.bytes.set(head, HEADROOM - VNET.LEN)
      if (hosts > 1) {
        host = (host + STRIDE) % hosts
        if (hostAt === IN_IP6) frame.view.setUint16(at, host)
        else {
          // HOST4 ends in .1.0: the number is added to it, and the header checksum follows.
          frame.view.setUint16(at, host + 0x100)
          frame.view.setUint16(HEADROOM + IPV4.CHECKSUM, updateChecksum(headerChecksum, host))
        }
      }
      readVnet(frame, packet.length)
      const verdict = translator.process(frame)
      if (verdict !== Verdict.TRANSLATED_6TO4 && verdict !== Verdict.TRANSLATED_4TO6)
        throw new Error(`host ${host}: ${VERDICT_NAMES[verdict]}`)
    }
    best = Math.min(best, Number(process.hrtime.bigint() - started) / PACKETS)
  }
  return best
}

const FEW = 16
const MANY = 65_536 - 0x100
const row = (name: string, ...figures: readonly string[]): void =>
  void process.stdout.write(`${name.padEnd(42)}${figures.map((figure) => figure.padStart(14)).join('')}\n`)
row('ns per packet, one core', `${FEW} hosts`, `${MANY} hosts`)
const translators = [makeTranslator(FEW), makeTranslator(MANY)] as const
for (const [name, packet, hostAt] of KINDS) {
  const figures = translators.map((translator, index) => measure(translator, packet, hostAt, index === 0 ? FEW : MANY))
  row(name, ...figures.map((ns) => ns.toFixed(0)))
}
row('4to6 ICMP error with 128 B quoted', measure(translators[0], ERROR, IN_IP4, 1).toFixed(0))
row('4to6 UDP of 1500 B, cut in two', measure(translators[0], CUT, IN_IP4, 1).toFixed(0))
