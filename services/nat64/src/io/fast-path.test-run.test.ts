/**
 * The golden vectors through BPF_PROG_TEST_RUN. The kernel hands Ethernet frames to tc programs and nothing else: for the TUN
 * this is the same translation behind an Ethernet header (bpf/test/ethernet.c), fast-path.vectors.test.ts has the program
 * itself; for a LAN it is the program itself.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { asIp4 } from '@sixgate/addr'
import { enterNamespace } from '@sixgate/testkit'
import { fastPathPlan } from '../core/fast-path-plan.ts'
import { IPV6 } from '../core/wire/ipv6.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { testRun } from '../testkit/bpf-test-run.ts'
import { comparable } from '../testkit/comparable.ts'
import { addressMapConfig, hostsOf, type LabOptions, PLAIN } from '../testkit/core-lab.ts'
import { answerTo, KNOWN_MS } from '../testkit/lan-lab.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { FAST_PATH_VECTORS, namesOf } from '../testkit/vectors/fast-path.ts'
import { readVector } from '../testkit/vectors/files.ts'
import type { Vector } from '../testkit/vectors/vector.ts'
import { Generation } from './bpf-generation.ts'
import { readBpfObject, readLanObjects } from './bpf-object.ts'
import { OBJECT_FILE } from './fast-path.ts'
import { monotonicMs } from './messages.ts'

const skip = enterNamespace()
const OBJECT = new URL('../../bpf/build/test-ethernet.o', import.meta.url)
/** bpf/lib/packet.h */
const [TRANSLATED, FALL_THROUGH] = [100, -1]
/** TC_ACT_REDIRECT (linux/pkt_cls.h) */
const REDIRECTED = 7
/** The one link that there is. */
const LOOPBACK = 1
const ETH_LEN = 14
/** One page with headroom and trailer in it: longer frames are not taken (EINVAL). */
const LONGEST_PACKET = 3000
/** The kernel wants what it takes for an IP header to be one as a whole. */
const SHORTEST_PACKET = 40
const TCP = 6

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
  const lan = readLanObjects(readFileSync(OBJECT_FILE))
  const generation = new Generation(readBpfObject(readFileSync(OBJECT), 'tc'), plan, 16, { lan })
  generation.setTun(LOOPBACK)
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

/** An IPv6 frame as it was before it was forwarded to the TUN. */
const oneHopEarlier = (frame: Uint8Array): Uint8Array =>
  frame.map((octet, index) => (index === ETH_LEN + IPV6.HOP_LIMIT ? octet + 1 : octet))

/** The same with the LAN's program: each packet, an answer, and the packet once more from the LAN. */
const runAllFromLan = async (t: TestContext, isSummedUp: boolean): Promise<string[]> => {
  const translated: string[] = []
  for (const group of groups.values()) {
    const generation = makeGeneration(group[0]?.options ?? {})
    const run = (fd: number, frame: Uint8Array) => {
      const outcome = testRun(fd, frame, isSummedUp, LOOPBACK)
      return outcome.verdict === undefined ? assert.fail(outcome.error) : outcome
    }
    try {
      for (const vector of group)
        await t.test(`${vector.rfc} ${vector.id}`, () => {
          const files = readVector(vector)
          const frame = frameOf(files.in.subarray(VNET.LEN))
          const fromLan = oneHopEarlier(frame)
          for (;;) {
            const startMs = monotonicMs()
            const passed = run(generation.programFd, frame)
            const answer =
              passed.verdict === TRANSLATED && passed.frame[ETH_LEN] === 0x45
                ? answerTo(Uint8Array.from([...PLAIN, ...passed.frame.subarray(ETH_LEN)]))
                : undefined
            if (answer !== undefined)
              assert.equal(
                run(generation.programFd, frameOf(Uint8Array.from(answer).subarray(VNET.LEN))).verdict,
                TRANSLATED,
              )
            const short = run(generation.lan?.from.fd ?? assert.fail(), fromLan)
            if (short.verdict === REDIRECTED) {
              translated.push(`${vector.rfc} ${vector.id}`)
              const packet = Uint8Array.from([...PLAIN, ...short.frame.subarray(ETH_LEN)])
              assert.equal(comparable(packet), comparable(files.out[0] ?? new Uint8Array(0)))
              return
            }
            assert.equal(short.verdict, FALL_THROUGH)
            assert.deepEqual(short.frame, fromLan, 'fell through, but changed')
            // Else the machine was away for so long that the flow is known no more.
            if (answer === undefined || monotonicMs() - startMs < KNOWN_MS) return
          }
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

const isForLan = ({ in: octets }: Vector): boolean => octets[VNET.LEN] !== 0x45 && octets[VNET.LEN + 6] !== TCP
const lanNames = new Set(vectors.filter(isForLan).map(({ rfc, id }) => `${rfc} ${id}`))
const expectedFromLan = expected.filter((name) => lanNames.has(name))

test('the program for LANs, with flows that are known', { skip }, async (t) => {
  assert.ok(expectedFromLan.length > 10)
  assert.deepEqual(await runAllFromLan(t, false), expectedFromLan)
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
  assert.deepEqual(await runAllFromLan(t, true), expectedFromLan)
})
