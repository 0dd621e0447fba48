/** The golden vectors through the eBPF program: the same bytes as TypeScript, or untouched to TypeScript. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { deleteLink } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { VNET } from '../core/wire/virtio-net.ts'
import { comparable, untouched } from '../testkit/comparable.ts'
import { FastPathLab, MAX_MTU } from '../testkit/fast-path-lab.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { readVector } from '../testkit/vectors/files.ts'
import type { Vector } from '../testkit/vectors/vector.ts'

const skip = enterNamespace()

/** What the kernel itself lets into the TUN: no nonsense in the offload header, nothing longer than an MTU can be. */
const canBeSent = (vector: Vector): boolean =>
  vector.verdict !== 'BAD_OFFLOAD' && vector.in.length - VNET.LEN <= MAX_MTU

/** What the kernel translates itself; everything else is TypeScript's. */
const TRANSLATED: Readonly<Record<string, readonly string[]>> = {
  rfc7915: [
    '4.1-udp',
    '4.1-tcp',
    '4.1-tcp-options',
    '4.1-udp-empty',
    '4.1-udp-odd',
    '4.1-tos',
    '4.1-ttl',
    '4.1-df-set-long',
    '4.1-df-clear-1260',
    '4.5-udp-zero-result',
    '5.1-udp',
    '5.1-tcp',
    '5.1-udp-empty',
    '5.1-udp-odd',
    '5.1-traffic-class',
    '5.1-df-1260',
    '5.1-df-1261',
    '5.1-hop-limit',
    '5.5-udp-zero-result',
    '4.2-echo-request',
    '4.2-echo-reply',
    '5.2-echo-request',
    '5.2-echo-reply',
    '4.1-tos-override',
    '5.1-traffic-class-override',
  ],
  offload: [
    'csum-tcp-6to4',
    'csum-tcp-4to6',
    'csum-udp-6to4',
    'csum-udp-4to6',
    'tso-6to4',
    'tso-6to4-short',
    'tso-4to6',
    'tso-ecn-6to4',
    'tso-ecn-4to6',
    'uso-6to4',
    'uso-4to6',
  ],
  rfc6052: [
    '2.4-96-6to4',
    '2.4-96-4to6',
    'several-first-6to4',
    'several-first-4to6',
    '3.1-strict-global',
    '3.1-private',
    '3.1-off',
    '3.1-own-prefix',
  ],
}

const groups = Map.groupBy(VECTORS.filter(canBeSent), (vector) => JSON.stringify(vector.options ?? {}))
const translated: string[] = []

for (const [index, group] of [...groups.values()].entries())
  test(`snapshot ${index}: ${group.length} vectors`, { skip }, async (t) => {
    const lab = new FastPathLab(group[0]?.options ?? {})
    try {
      for (const vector of group)
        await t.test(`${vector.rfc} ${vector.id}`, () => {
          const files = readVector(vector)
          const { by, packet } = lab.play(files.in)
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
  const expected = Object.entries(TRANSLATED).flatMap(([rfc, ids]) => ids.map((id) => `${rfc} ${id}`))
  assert.deepEqual(translated.toSorted(), expected.toSorted())
})

before(() => {
  if (skip === false) deleteLink('nat64')
})
