/** The golden vectors from a LAN: what is translated at its ingress is the same bytes as by TypeScript. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
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
const TCP = 6

/** IPv6 that a host can send, one hop earlier. */
const canBeSent = ({ in: octets, verdict }: Vector): boolean =>
  verdict !== 'BAD_OFFLOAD' &&
  (octets[VNET.LEN] ?? 0) >>> 4 === 6 &&
  octets.length - VNET.LEN <= MAX_LAN_MTU &&
  octets.length - VNET.LEN >= 40 &&
  octets[HOP_LIMIT] !== 255

const vectors = VECTORS.filter(canBeSent)
const groups = Map.groupBy(vectors, (vector) => JSON.stringify(vector.options ?? {}))
const nameOf = ({ rfc, id }: Vector): string => `${rfc} ${id}`
const shortened: string[] = []
const refused: string[] = []

for (const [index, group] of [...groups.values()].entries())
  test(`snapshot ${index}: ${group.length} vectors`, { skip }, async (t) => {
    const lab = new LanLab(group[0]?.options ?? {}, silent)
    try {
      for (const vector of group)
        await t.test(nameOf(vector), (context) => {
          const files = readVector(vector)
          let passages
          try {
            passages = lab.playKnown(files.in)
          } catch (error) {
            if (!vector.id.startsWith('uso-') || !(error instanceof HostError) || error.code !== 'EINVAL') throw error
            refused.push(nameOf(vector))
            context.skip('this kernel takes no UDP super-packets from packet sockets')
            return
          }
          const { first, second } = passages
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
    } finally {
      lab.close()
    }
  })

test('all that the program at the TUN translates is translated here, but for TCP', { skip }, () => {
  const candidates = new Set(vectors.filter(({ in: octets }) => octets[NEXT_HEADER] !== TCP).map(nameOf))
  const expected = namesOf(FAST_PATH_VECTORS).filter((name) => candidates.has(name) && !refused.includes(name))
  assert.ok(expected.length > 10)
  assert.deepEqual(shortened.toSorted(), expected)
})

before(() => {
  if (skip === false) deleteLink('nat64')
})
