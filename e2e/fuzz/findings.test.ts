/** Every input that a fuzz run ever stumbled over, the seeds themselves, and a short run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '@sixgate/testkit'
import { complaintAbout, findingsOf, fuzz } from './run.ts'
import { TARGETS } from './targets/all.ts'

for (const target of TARGETS) {
  for (const { file, kind, input } of findingsOf(target))
    test(`${target.name}: found by fuzzing: ${file}`, async () => {
      assert.equal(await complaintAbout(target, kind, input), undefined)
    })

  test(`${target.name}: the seeds are treated well`, async () => {
    for (const [kind, seeds] of Object.entries(target.seeds))
      for (const seed of seeds) assert.equal(await complaintAbout(target, kind, seed), undefined, kind)
  })

  test(`${target.name}: 500 odd inputs`, async () => {
    const { findings } = await fuzz(target, new Random(20261126), (inputs) => inputs >= 500, false)
    assert.deepEqual(findings, [])
  })
}
