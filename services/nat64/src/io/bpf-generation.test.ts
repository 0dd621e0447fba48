/** The program and its maps on a real TUN: who is translated when, and what is counted. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { asIp4 } from '@sixgate/addr'
import { enterNamespace } from '@sixgate/testkit'
import { type FastPathHost, fastPathPlan } from '../core/fast-path-plan.ts'
import { Verdict } from '../core/verdict.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { addressMapConfig, eam, hostsOf, ip4Of, ip6Of, prefix4Of } from '../testkit/core-lab.ts'
import { FastPathLab } from '../testkit/fast-path-lab.ts'
import { udp } from '../testkit/packet-builder.ts'
import { plain, toHost4, toServer6 } from '../testkit/vectors/vector.ts'
import { Generation, isFull } from './bpf-generation.ts'
import { readBpfObject } from './bpf-object.ts'
import { OBJECT_FILE } from './fast-path.ts'
import { monotonicMs } from './messages.ts'

const skip = enterNamespace()

const OUT = plain(toServer6(udp()))
const BACK = plain(toHost4(udp()))

test('a removed host is translated no more, in neither direction; installed again, it is', { skip }, () => {
  const lab = new FastPathLab({})
  const [host] = lab.hosts
  assert.ok(host !== undefined)
  const ways = () => [lab.play(OUT).by, lab.play(BACK).by]
  try {
    // Many times: right after the removal, not some time later.
    for (let round = 0; round < 200; round++) {
      assert.deepEqual(ways(), ['kernel', 'kernel'], `round ${round}`)
      lab.generation.remove(host.ip4)
      assert.deepEqual(ways(), ['typescript', 'typescript'], `round ${round}, removed`)
      assert.equal(lab.generation.install(host), true)
    }
  } finally {
    lab.close()
  }
})

test('packets, bytes and time of a host, and totals', { skip }, () => {
  const lab = new FastPathLab({})
  const [host, other] = lab.hosts
  assert.ok(host !== undefined && other !== undefined)
  try {
    const none = { packets: 0, bytes: 0 }
    assert.deepEqual(lab.generation.usage(host.ip4), { from6: none, from4: none, seenS: 0 })
    const beforeS = Math.floor(monotonicMs() / 1000)
    for (let count = 0; count < 3; count++) lab.play(OUT)
    lab.play(BACK)
    const [out, back] = [OUT.length - 10, BACK.length - 10]
    const { from6, from4, seenS } = lab.generation.usage(host.ip4) ?? assert.fail()
    assert.deepEqual(from6, { packets: 3, bytes: 3 * out })
    assert.deepEqual(from4, { packets: 1, bytes: back })
    assert.ok(seenS >= beforeS && seenS <= monotonicMs() / 1000, `${beforeS} ${seenS}`)
    assert.deepEqual(lab.generation.usage(other.ip4), { from6: none, from4: none, seenS: 0 })
    assert.deepEqual(lab.generation.total(Verdict.TRANSLATED_6TO4), { packets: 3, bytes: 3 * out })
    assert.deepEqual(lab.generation.total(Verdict.TRANSLATED_4TO6), { packets: 1, bytes: back })
    lab.generation.remove(host.ip4)
    assert.equal(lab.generation.usage(host.ip4), undefined)
    assert.equal(lab.generation.hosts, 1)
  } finally {
    lab.close()
  }
})

test('IPv4 packets that do not fit the TUN go to TypeScript, so that somebody says "too big"', { skip }, () => {
  const lab = new FastPathLab({}, 1400)
  const packet = (lengthBytes: number) =>
    plain(toHost4(udp({ data: Array.from({ length: lengthBytes - 28 }, () => 7) }), { df: true }))
  try {
    assert.equal(lab.play(packet(1380)).by, 'kernel')
    assert.equal(lab.play(packet(1381)).by, 'typescript')
  } finally {
    lab.close()
  }
})

/** More than one call's worth, in a plan that leaves some to TypeScript. */
test('many hosts at once are what they are one by one, with and without batches of the kernel', { skip }, () => {
  const options = {
    map: { eams: [eam('2001:db8:1::1:0/112', '198.51.100.0/24')], pool4: [prefix4Of('198.18.0.0/16')] },
  }
  const plan = fastPathPlan(addressMapConfig(options), DEFAULT_SETTINGS, 1500)
  const hosts = Array.from({ length: 5000 }, (_, index): FastPathHost => {
    const ip6 = Uint8Array.from(ip6Of('2001:db8:1::'))
    // One of ten is mapped explicitly.
    new DataView(ip6.buffer).setUint32(12, index % 10 === 0 ? 0x1_0000 + index : index)
    return { ip6, ip4: asIp4(ip4Of('198.18.0.0') + index), pref: 0 }
  })
  const object = readBpfObject(readFileSync(OBJECT_FILE), 'tc')
  const none = { packets: 0, bytes: 0 }
  for (const knowsBatches of [true, false]) {
    const generation = new Generation(object, plan, 10_000, { knowsBatches })
    try {
      generation.install(hosts[1] ?? assert.fail())
      generation.installAll(hosts)
      assert.equal(generation.hosts, 4500)
      const usages = generation.usages()
      assert.equal(usages.size, 4500)
      for (const { ip4 } of hosts) assert.deepEqual(usages.get(ip4), generation.usage(ip4))
      assert.deepEqual(usages.get(hosts[1]?.ip4 ?? assert.fail()), { from6: none, from4: none, seenS: 0 })
      for (const { ip4 } of hosts) generation.remove(ip4)
      assert.equal(generation.usages().size, 0)
    } finally {
      generation.close()
    }
  }
})

test('more hosts than the map has room for: an error that says so', { skip }, () => {
  const plan = fastPathPlan(addressMapConfig({}), DEFAULT_SETTINGS, 1500)
  const generation = new Generation(readBpfObject(readFileSync(OBJECT_FILE), 'tc'), plan, 1)
  try {
    assert.throws(
      () => generation.installAll(hostsOf({}).map(({ ip6, ip4, pref }) => ({ ip6, ip4: asIp4(ip4), pref }))),
      isFull,
    )
  } finally {
    generation.close()
  }
})
