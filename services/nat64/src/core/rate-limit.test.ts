import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoreLab } from '../testkit/core-lab.ts'
import { udp } from '../testkit/packet-builder.ts'
import { toHost4, toServer6 } from '../testkit/vectors/vector.ts'
import { TokenBucket } from './rate-limit.ts'

test('a burst, then so many per second', () => {
  const bucket = new TokenBucket(10, 3)
  const takenAt = (nowMs: number): number => {
    let count = 0
    while (bucket.take(nowMs)) count += 1
    return count
  }
  assert.equal(takenAt(5000), 3)
  assert.equal(takenAt(5099), 0)
  assert.equal(takenAt(5100), 1)
  assert.equal(takenAt(5350), 2)
  assert.equal(takenAt(99_000), 3, 'no more than the burst')
  assert.equal(takenAt(98_000), 0, 'a clock that goes back gives nothing')
})

test('RFC 4443 §2.4(f), RFC 1812 §4.3.2.8: errors of each family are limited by themselves', () => {
  const lab = new CoreLab({ settings: { icmpErrorsPerSecond: 10, icmpErrorsBurst: 2 } })
  const six = toServer6(udp(), { hops: 1 })
  const four = toHost4(udp(), { ttl: 1 })
  const counts = (): [number, number] => [lab.playPacket(six).out.length, lab.playPacket(four).out.length]
  assert.deepEqual(
    [counts(), counts(), counts()],
    [
      [1, 1],
      [1, 1],
      [0, 0],
    ],
  )
  lab.clock.nowMs += 100
  assert.deepEqual(
    [counts(), counts()],
    [
      [1, 1],
      [0, 0],
    ],
  )
})
