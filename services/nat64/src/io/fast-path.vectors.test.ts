/** The golden vectors through the eBPF program: the same bytes as TypeScript, or untouched to TypeScript. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { deleteLink, HostError } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { VNET } from '../core/wire/virtio-net.ts'
import { comparable, untouched } from '../testkit/comparable.ts'
import { FastPathLab, MAX_MTU } from '../testkit/fast-path-lab.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { FAST_PATH_VECTORS, namesOf } from '../testkit/vectors/fast-path.ts'
import { readVector } from '../testkit/vectors/files.ts'
import type { Vector } from '../testkit/vectors/vector.ts'

const skip = enterNamespace()

/** What the kernel itself lets into the TUN: no nonsense in the offload header, nothing longer than an MTU can be. */
const canBeSent = (vector: Vector): boolean =>
  vector.verdict !== 'BAD_OFFLOAD' && vector.in.length - VNET.LEN <= MAX_MTU

const groups = Map.groupBy(VECTORS.filter(canBeSent), (vector) => JSON.stringify(vector.options ?? {}))
const translated: string[] = []
const refused: string[] = []

/** UDP super-packets have a number in offload headers since kernel 6.2. */
const isUnknownOffload = (vector: Vector, error: unknown): boolean =>
  vector.id.startsWith('uso-') && error instanceof HostError && error.code === 'EINVAL'

for (const [index, group] of [...groups.values()].entries())
  test(`snapshot ${index}: ${group.length} vectors`, { skip }, async (t) => {
    const lab = new FastPathLab(group[0]?.options ?? {})
    try {
      for (const vector of group)
        await t.test(`${vector.rfc} ${vector.id}`, (context) => {
          const files = readVector(vector)
          let passage
          try {
            passage = lab.play(files.in)
          } catch (error) {
            if (!isUnknownOffload(vector, error)) throw error
            refused.push(`${vector.rfc} ${vector.id}`)
            context.skip('this kernel takes no UDP super-packets from packet sockets')
            return
          }
          const { by, packet } = passage
          if (by === 'typescript') {
            assert.equal(untouched(packet), untouched(files.in), 'fell through, but changed')
            return
          }
          translated.push(`${vector.rfc} ${vector.id}`)
          assert.equal(files.out.length, 1, 'TypeScript makes another number of packets of it')
          assert.equal(comparable(packet), comparable(files.out[0] ?? new Uint8Array(0)))
        })
    } finally {
      lab.close()
    }
  })

test('the kernel translates what it should, and nothing else', { skip }, () => {
  const expected = namesOf(FAST_PATH_VECTORS).filter((name) => !refused.includes(name))
  assert.deepEqual(translated.toSorted(), expected)
})

before(() => {
  if (skip === false) deleteLink('nat64')
})
