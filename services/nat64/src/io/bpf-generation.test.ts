/** The program and its maps on a real TUN: who is translated when, and what is counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { Verdict } from '../core/verdict.ts'
import { FastPathLab } from '../testkit/fast-path-lab.ts'
import { udp } from '../testkit/packet-builder.ts'
import { plain, toHost4, toServer6 } from '../testkit/vectors/vector.ts'
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
    assert.deepEqual(lab.generation.usage(host.ip4), { packets: 0, bytes: 0, seenS: 0 })
    const beforeS = Math.floor(monotonicMs() / 1000)
    for (let count = 0; count < 3; count++) lab.play(OUT)
    lab.play(BACK)
    const [out, back] = [OUT.length - 10, BACK.length - 10]
    const { packets, bytes, seenS } = lab.generation.usage(host.ip4) ?? assert.fail()
    assert.deepEqual({ packets, bytes }, { packets: 4, bytes: 3 * out + back })
    assert.ok(seenS >= beforeS && seenS <= monotonicMs() / 1000, `${beforeS} ${seenS}`)
    assert.equal(lab.generation.usage(other.ip4)?.packets, 0)
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
