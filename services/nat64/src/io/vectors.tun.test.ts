/**
 * The golden vectors through a real TUN: a packet socket on the kernel's side, the worker with its file on the other.
 *
 *   packet socket ──send──▶ nat64 (TUN) ──read──▶ worker
 *                 ◀─receive─            ◀─write──
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { deleteLink, setAddrGenMode, setLinkMtu, setLinkUp } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { comparable } from '../testkit/comparable.ts'
import { addressMapConfig, hostsOf, type LabOptions, OWN4, SERVER } from '../testkit/core-lab.ts'
import { icmp4, ip4 } from '../testkit/packet-builder.ts'
import { PacketSocket } from '../testkit/packet-socket.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { readVector } from '../testkit/vectors/files.ts'
import { plain, type Vector } from '../testkit/vectors/vector.ts'
import { packHosts } from '../core/address-map/packed-hosts.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { DataPlane, type DataPlaneEvents } from './data-plane.ts'
import type { DataPlaneSnapshot } from './messages.ts'

const skip = enterNamespace()
const TUN = 'nat64'
const MAX_MTU = 65_535

const snapshotOf = (options: LabOptions): DataPlaneSnapshot => ({
  map: addressMapConfig(options),
  settings: { ...DEFAULT_SETTINGS, icmpErrorsPerSecond: 1e6, icmpErrorsBurst: 1e6, ...options.settings },
  lastSeenS: new Uint32Array(new SharedArrayBuffer(16 * 4)),
  seed: 1,
  hosts: packHosts(hostsOf(options), 16),
})

/** Vectors that one snapshot serves. */
const groups = Map.groupBy(VECTORS, (vector) => JSON.stringify(vector.options ?? {}))

/**
 * Follows each vector through the queue: what came out before its answer is the vector's. A ping to the translator's own
 * address is answered under every snapshot.
 */
const MARK_REST = 0x4d41_524b
const MARK = plain(ip4({ src: SERVER, dst: OWN4 }, icmp4({ type: 8, rest: MARK_REST })))
const MARK_ANSWER = plain(ip4({ src: OWN4, dst: SERVER }, icmp4({ type: 0, rest: MARK_REST })))

const play = (socket: PacketSocket, vector: Vector): Uint8Array[] => {
  socket.send(readVector(vector).in)
  socket.send(MARK)
  const out: Uint8Array[] = []
  for (;;) {
    const packet = socket.receive()
    if (packet === undefined) assert.fail(`nothing more came out, not even the mark, after ${out.length} packets`)
    if (Buffer.compare(packet, Uint8Array.from(MARK_ANSWER)) === 0) return out
    out.push(packet)
  }
}

const noTrouble: DataPlaneEvents['onTrouble'] = (problem) => assert.equal(problem?.message, undefined)

for (const [index, group] of [...groups.values()].entries())
  test(`snapshot ${index}: ${group.length} vectors through a real TUN`, { skip }, async (t) => {
    const options = group[0]?.options ?? {}
    const events: DataPlaneEvents = { onAttached: () => {}, onWant: () => {}, onTrouble: noTrouble }
    const plane = new DataPlane(TUN, () => snapshotOf(options), events)
    await plane.start()
    setAddrGenMode(TUN, 'none')
    setLinkMtu(TUN, MAX_MTU)
    setLinkUp(TUN, true)
    const socket = new PacketSocket(TUN)
    try {
      for (const vector of group) {
        // The kernel itself refuses offload headers that make no sense, and packets longer than an MTU can be.
        if (vector.verdict === 'BAD_OFFLOAD' || vector.in.length - VNET.LEN > MAX_MTU) continue
        await t.test(`${vector.rfc} ${vector.id}`, () => {
          const out = play(socket, vector)
          assert.deepEqual(out.map(comparable), readVector(vector).out.map(comparable))
        })
      }
    } finally {
      socket.close()
      await plane.stop()
      deleteLink(TUN)
    }
  })

before(() => {
  if (skip === false) deleteLink(TUN)
})
