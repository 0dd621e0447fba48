/**
 * Coalescing in the real data plane: bursts of a flow go into a TUN, and what the worker writes, cut as the kernel does
 * it, is what it would have written one by one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deleteLink, setAddrGenMode, setLinkMtu, setLinkUp } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { packHosts } from '../core/address-map/packed-hosts.ts'
import { Tally } from '../core/counters.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { addressMapConfig, CoreLab, HOST_A, hostsOf, SERVER } from '../testkit/core-lab.ts'
import { data, ip4, ip6, type Octets, tcp, udp } from '../testkit/packet-builder.ts'
import { PacketSocket } from '../testkit/packet-socket.ts'
import { segmentsOf } from '../testkit/segments.ts'
import { plain } from '../testkit/vectors/vector.ts'
import { DataPlane } from './data-plane.ts'

const skip = enterNamespace()
const TUN = 'nat64'
const BURST = 32
/** One of them finds the worker busy, so that a queue builds up behind it. */
const MOST_BURSTS = 200

const SERVER6 = `64:ff9b::${SERVER}`
const up = { src: HOST_A.ip6, dst: SERVER6 }
const down = { src: SERVER, dst: HOST_A.ip4, df: true }

/** A burst: packet number → packet. */
const BURSTS: Readonly<Record<string, (n: number) => Octets>> = {
  'UDP 6to4': (n) => ip6(up, udp({ data: data(64, n) })),
  'UDP 4to6': (n) => ip4(down, udp({ data: data(1200, n) })),
  'TCP 6to4': (n) => ip6(up, tcp({ data: data(1000, n), seq: n * 1000, flags: 0x10 })),
  'TCP 4to6': (n) => ip4(down, tcp({ data: data(1400, n), seq: n * 1400, flags: 0x10 })),
}

/** IPv4 identifications go on from burst to burst. */
const withoutId = (packet: Octets): string =>
  packet.filter((_, at) => (packet[0] ?? 0) >>> 4 === 6 || ![4, 5, 10, 11].includes(at)).join(' ')

for (const [name, packet] of Object.entries(BURSTS))
  test(name, { skip }, async () => {
    const plane = new DataPlane(
      TUN,
      () => ({
        map: addressMapConfig({}),
        settings: DEFAULT_SETTINGS,
        lastSeenS: new Uint32Array(new SharedArrayBuffer(16 * 4)),
        seed: 1,
        hosts: packHosts(hostsOf({}), 16),
      }),
      { onAttached: () => {}, onWant: () => {}, onTrouble: (problem) => assert.equal(problem?.message, undefined) },
    )
    await plane.start()
    setAddrGenMode(TUN, 'none')
    setLinkMtu(TUN, 1500)
    setLinkUp(TUN, true)
    const socket = new PacketSocket(TUN)
    try {
      const lab = new CoreLab()
      const packets = Array.from({ length: BURST }, (_, n) => packet(n))
      const expected = packets.flatMap((octets) => lab.playPacket(octets).out).map(withoutId)
      for (let burst = 0; burst < MOST_BURSTS && plane.counters[Tally.COALESCED] === 0; burst++) {
        for (const octets of packets) socket.send(plain(octets))
        const got: string[] = []
        while (got.length < BURST) {
          const written = socket.receive() ?? assert.fail(`${got.length} of ${BURST} packets came out`)
          got.push(...segmentsOf([...written]).map(withoutId))
        }
        assert.deepEqual(got, expected)
      }
      assert.ok((plane.counters[Tally.COALESCED] ?? 0) > 0, `none was put together in ${MOST_BURSTS} bursts`)
    } finally {
      socket.close()
      await plane.stop()
      deleteLink(TUN)
    }
  })
