/** The golden vectors from a LAN and to it: what takes the short way is the same bytes as by TypeScript. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { deleteLink, HostError } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { comparable, untouched } from '../testkit/comparable.ts'
import { LanLab, MAX_LAN_MTU } from '../testkit/lan-lab.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { FAST_PATH_VECTORS, namesOf } from '../testkit/vectors/fast-path.ts'
import { readVector } from '../testkit/vectors/files.ts'
import type { Vector } from '../testkit/vectors/vector.ts'

const skip = enterNamespace()

const [NEXT_HEADER, HOP_LIMIT] = [VNET.LEN + 6, VNET.LEN + 7]
const [TTL, PROTOCOL] = [VNET.LEN + 8, VNET.LEN + 9]
const TCP = 6

/** IPv6 that a host can send, one hop earlier. */
const canBeSent = ({ in: octets, verdict }: Vector): boolean =>
  verdict !== 'BAD_OFFLOAD' &&
  (octets[VNET.LEN] ?? 0) >>> 4 === 6 &&
  octets.length - VNET.LEN <= MAX_LAN_MTU &&
  octets.length - VNET.LEN >= 40 &&
  octets[HOP_LIMIT] !== 255

/** IPv4 that can come to the TUN, and that a router behind it passes on. */
const canBeAnswered = ({ in: octets, verdict }: Vector): boolean =>
  verdict !== 'BAD_OFFLOAD' &&
  (octets[VNET.LEN] ?? 0) >>> 4 === 4 &&
  octets.length - VNET.LEN <= MAX_LAN_MTU - 20 &&
  octets.length - VNET.LEN >= 20 &&
  (octets[TTL] ?? 0) > 2

const nameOf = ({ rfc, id }: Vector): string => `${rfc} ${id}`
const refused: string[] = []

/** Plays all of them, each in a lab of its options, but for those that this kernel takes from no packet socket. */
const playAll = (vectors: readonly Vector[], play: (lab: LanLab, vector: Vector) => void): void => {
  const groups = Map.groupBy(vectors, (vector) => JSON.stringify(vector.options ?? {}))
  for (const [index, group] of [...groups.values()].entries())
    test(`snapshot ${index}: ${group.length} vectors`, { skip }, async (t) => {
      const lab = new LanLab(group[0]?.options ?? {}, silent)
      try {
        for (const vector of group)
          await t.test(nameOf(vector), (context) => {
            try {
              play(lab, vector)
            } catch (error) {
              if (!vector.id.startsWith('uso-') || !(error instanceof HostError) || error.code !== 'EINVAL') throw error
              refused.push(nameOf(vector))
              context.skip('this kernel takes no UDP super-packets from packet sockets')
            }
          })
      } finally {
        lab.close()
      }
    })
}

/** What the program at the TUN translates of these takes the short way, but for TCP. */
const assertShort = (vectors: readonly Vector[], protocolAt: number, shortened: readonly string[]): void => {
  const candidates = new Set(vectors.filter(({ in: octets }) => octets[protocolAt] !== TCP).map(nameOf))
  const expected = namesOf(FAST_PATH_VECTORS).filter((name) => candidates.has(name) && !refused.includes(name))
  assert.ok(expected.length > 10)
  assert.deepEqual([...new Set(shortened)].toSorted(), expected)
}

describe('from a LAN', () => {
  const vectors = VECTORS.filter(canBeSent)
  const shortened: string[] = []
  playAll(vectors, (lab, vector) => {
    const files = readVector(vector)
    const { first, second } = lab.playKnown(files.in)
    // A vector before may have made the flow known.
    if (second.by !== 'lan') assert.equal(second.by, first.by, 'another way, but not the short one')
    if (second.by === 'stack') return
    if (second.by === 'typescript') {
      assert.equal(untouched(second.packet), untouched(files.in), 'fell through, but changed')
      return
    }
    if (second.by === 'lan') shortened.push(nameOf(vector))
    assert.equal(files.out.length, 1, 'TypeScript makes another number of packets of it')
    assert.equal(comparable(second.packet), comparable(files.out[0] ?? new Uint8Array(0)))
  })

  test('all that the program at the TUN translates is translated here, but for TCP', { skip }, () => {
    assertShort(vectors, NEXT_HEADER, shortened)
  })
})

describe('to a LAN', () => {
  const vectors = VECTORS.filter(canBeAnswered)
  const shortened: string[] = []
  playAll(vectors, (lab, vector) => {
    const files = readVector(vector)
    const { first, second } = lab.playKnownAnswer(files.in)
    if (second.by !== 'lan') assert.equal(second.by, first.by, 'another way, but not the short one')
    if (second.by === 'typescript') return
    if (second.by === 'lan') shortened.push(nameOf(vector))
    assert.equal(files.out.length, 1, 'TypeScript makes another number of packets of it')
    for (const { packet } of [first, second])
      assert.equal(packet && comparable(packet), comparable(files.out[0] ?? new Uint8Array(0)))
  })

  test('all that the program at the TUN translates is delivered from there, but for TCP', { skip }, () => {
    assertShort(vectors, PROTOCOL, shortened)
  })
})

before(() => {
  if (skip === false) deleteLink('nat64')
})
