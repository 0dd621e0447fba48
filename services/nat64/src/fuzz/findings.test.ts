/** Every packet that a fuzz run ever stumbled over, and the fuzzer's own eyes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '@sixgate/testkit'
import { tcp, udp } from '../testkit/packet-builder.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { offloaded, plain, toServer4, toServer6 } from '../testkit/vectors/vector.ts'
import { complaintOf, findings, seedName } from './findings.ts'
import { Judge } from './judge.ts'
import { mutate } from './mutate.ts'
import { offloadFaultOf } from './offload-checker.ts'
import { shrink } from './shrink.ts'

for (const { name, seed, packets } of findings())
  test(`found by fuzzing: ${name}`, () => {
    const vector =
      VECTORS.find((known) => seedName(known) === seed) ?? assert.fail(`no vector ${seed}: rename the file`)
    assert.equal(complaintOf(vector, packets), undefined)
  })

test('every golden vector passes the judge', () => {
  for (const vector of VECTORS) assert.equal(new Judge(vector.options).judge(vector.in).complaint, undefined, vector.id)
})

test('the offload checker sees a wrong start, field, sum, type and size', () => {
  const good = { gso: 4, hdrLen: 60, gsoSize: 1400, csumStart: 40, csumOffset: 16 }
  const packet = toServer6(tcp({ checksum: 'partial' }))
  assert.equal(offloadFaultOf(offloaded(good, packet)), undefined)
  assert.match(offloadFaultOf(offloaded({ ...good, csumStart: 44 }, packet)) ?? '', /starts at 44/)
  assert.match(offloadFaultOf(offloaded({ ...good, csumOffset: 6 }, packet)) ?? '', /checksum at 6/)
  assert.match(offloadFaultOf(offloaded({ ...good, gso: 1 }, packet)) ?? '', /type 1/)
  assert.match(offloadFaultOf(offloaded({ ...good, gsoSize: 0 }, packet)) ?? '', /no size/)
  assert.equal(offloadFaultOf(offloaded(good, toServer6(tcp()))), 'partial checksum')
  assert.equal(offloadFaultOf(plain(toServer4(udp()))), undefined)
})

test('a seed gives the same packets again', () => {
  const packets = VECTORS.map((vector) => vector.in)
  const run = () => {
    const random = new Random(7)
    return Array.from({ length: 200 }, () => mutate(random.pick(packets), random, packets))
  }
  assert.deepEqual(run(), run())
})

test('of a long run, what a finding takes is kept', () => {
  const all = Array.from({ length: 1000 }, (_, index) => index)
  const fails = (some: readonly number[]): boolean => some.includes(3) && some.includes(700) && some.at(-1) === 999
  assert.deepEqual(shrink(all, fails), [3, 700, 999])
  assert.deepEqual(
    shrink(all, (some) => some.at(-1) === 999),
    [999],
  )
  assert.equal(
    shrink(all, () => false),
    undefined,
  )
})
