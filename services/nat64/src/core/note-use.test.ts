import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoreLab } from '../testkit/core-lab.ts'
import { tcp, udp } from '../testkit/packet-builder.ts'
import { offloaded, plain, toHost4, toServer6 } from '../testkit/vectors/vector.ts'

test('packets on the wire and octets of a host, by direction; refused packets count for nobody', () => {
  const lab = new CoreLab()
  const usage = () => [...lab.translator.map.hosts.usage.subarray(0, 8)]
  const out = plain(toServer6(udp()))
  const back = plain(toHost4(udp()))
  assert.equal(lab.play(out).verdict, 'TRANSLATED_6TO4')
  assert.equal(lab.play(out).verdict, 'TRANSLATED_6TO4')
  assert.equal(lab.play(back).verdict, 'TRANSLATED_4TO6')
  assert.equal(lab.play(plain(toServer6(udp(), { hops: 1 }))).verdict, 'HOP_LIMIT_EXCEEDED')
  assert.deepEqual(usage(), [2, 2 * (out.length - 10), 1, back.length - 10, 0, 0, 0, 0])
  const segments = tcp({ data: Array.from({ length: 3000 }, () => 1), checksum: 'partial' })
  const big = offloaded({ gso: 4, hdrLen: 60, gsoSize: 1000, csumStart: 40, csumOffset: 16 }, toServer6(segments))
  assert.equal(lab.play(big).verdict, 'TRANSLATED_6TO4')
  assert.equal(usage()[1], 2 * (out.length - 10) + big.length - 10)
  assert.equal(usage()[0], 2 + 4)
})
