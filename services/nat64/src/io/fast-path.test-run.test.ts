/**
 * The golden vectors through BPF_PROG_TEST_RUN. The kernel hands Ethernet frames to tc programs and nothing else, so this is
 * the same translation behind an Ethernet header (bpf/test/ethernet.c); fast-path.vectors.test.ts has the program itself.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { asIp4 } from '@sixgate/addr'
import { enterNamespace } from '@sixgate/testkit'
import { fastPathPlan } from '../core/fast-path-plan.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { testRun } from '../testkit/bpf-test-run.ts'
import { comparable } from '../testkit/comparable.ts'
import { addressMapConfig, hostsOf, type LabOptions, PLAIN } from '../testkit/core-lab.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { FAST_PATH_VECTORS, namesOf } from '../testkit/vectors/fast-path.ts'
import { readVector } from '../testkit/vectors/files.ts'
import type { Vector } from '../testkit/vectors/vector.ts'
import { Generation } from './bpf-generation.ts'
import { readBpfObject } from './bpf-object.ts'

const skip = enterNamespace()
const OBJECT = new URL('../../bpf/build/test-ethernet.o', import.meta.url)
/** bpf/lib/packet.h */
const [TRANSLATED, FALL_THROUGH] = [100, -1]
const ETH_LEN = 14
/** One page with headroom and trailer in it: longer frames are not taken (EINVAL). */
const LONGEST_PACKET = 3000
/** The kernel wants what it takes for an IP header to be one as a whole. */
const SHORTEST_PACKET = 40

/** Offload headers cannot be handed over. */
const canBeRun = ({ in: octets, rfc }: Vector): boolean =>
  rfc !== 'offload' &&
  octets.slice(0, VNET.LEN).every((octet) => octet === 0) &&
  octets.length - VNET.LEN <= LONGEST_PACKET &&
  octets.length - VNET.LEN >= SHORTEST_PACKET

/** To and from the loopback device: destination, source, EtherType. */
const frameOf = (packet: Uint8Array): Uint8Array => {
  const type = (packet[0] ?? 0) >>> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00]
  return Uint8Array.from([...Array.from({ length: 12 }, () => 0), ...type, ...packet])
}

const makeGeneration = (options: LabOptions): Generation => {
  const plan = fastPathPlan(addressMapConfig(options), { ...DEFAULT_SETTINGS, ...options.settings }, 65_535)
  const generation = new Generation(readBpfObject(readFileSync(OBJECT), 'tc'), plan, 16)
  for (const { ip6, ip4, pref } of hostsOf(options)) generation.install({ ip6, ip4: asIp4(ip4), pref })
  return generation
}

const vectors = VECTORS.filter(canBeRun)
const groups = Map.groupBy(vectors, (vector) => JSON.stringify(vector.options ?? {}))

/** Runs every vector; returns the names of those that were translated. */
const runAll = async (t: TestContext, isSummedUp: boolean): Promise<string[]> => {
  const translated: string[] = []
  for (const group of groups.values()) {
    const generation = makeGeneration(group[0]?.options ?? {})
    try {
      for (const vector of group)
        await t.test(`${vector.rfc} ${vector.id}`, () => {
          const files = readVector(vector)
          const frame = frameOf(files.in.subarray(VNET.LEN))
          const run = testRun(generation.programFd, frame, isSummedUp)
          if (run.verdict === undefined) assert.fail(run.error)
          if (run.verdict === FALL_THROUGH) {
            assert.deepEqual(run.frame, frame, 'fell through, but changed')
            return
          }
          assert.equal(run.verdict, TRANSLATED)
          translated.push(`${vector.rfc} ${vector.id}`)
          const packet = Uint8Array.from([...PLAIN, ...run.frame.subarray(ETH_LEN)])
          assert.equal(comparable(packet), comparable(files.out[0] ?? new Uint8Array(0)))
        })
    } finally {
      generation.close()
    }
  }
  return translated.toSorted()
}

const { offload: _, ...plainVectors } = FAST_PATH_VECTORS
const runnable = new Set(vectors.map(({ rfc, id }) => `${rfc} ${id}`))
const expected = namesOf(plainVectors).filter((name) => runnable.has(name))

test(`${vectors.length} golden vectors by BPF_PROG_TEST_RUN`, { skip }, async (t) => {
  assert.deepEqual(await runAll(t, false), expected)
})

/** EINVAL: kernels before 6.11 have no such flag. */
const cannotSumUp = (): string | false => {
  const generation = makeGeneration({})
  try {
    const run = testRun(
      generation.programFd,
      frameOf(readVector(vectors[0] ?? assert.fail()).in.subarray(VNET.LEN)),
      true,
    )
    return run.verdict === undefined && run.error === 'EINVAL' && 'this kernel makes no CHECKSUM_COMPLETE (6.11 does)'
  } finally {
    generation.close()
  }
}

test('the same with CHECKSUM_COMPLETE: the sum over the packet is right afterwards', { skip }, async (t) => {
  const reason = cannotSumUp()
  if (reason !== false) {
    t.skip(reason)
    return
  }
  assert.deepEqual(await runAll(t, true), expected)
})
