/** Tests of a target: every input that a run ever stumbled over, the seeds themselves, and a short run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '@sixgate/testkit'
import { complaintAbout, findingsOf, fuzz } from './run.ts'
import type { Target } from './target.ts'

export const testTarget = (target: Target, count: number, skip: string | false = false): void => {
  for (const { file, kind, input } of findingsOf(target))
    test(`${target.name}: found by fuzzing: ${file}`, { skip }, async () => {
      assert.equal(await complaintAbout(target, kind, input), undefined)
    })

  test(`${target.name}: the seeds are treated well`, { skip }, async () => {
    for (const [kind, seeds] of Object.entries(target.seeds))
      for (const seed of seeds)
        assert.equal(await complaintAbout(target, kind, seed), undefined, `${kind}: ${Buffer.from(seed).toString()}`)
  })

  test(`${target.name}: ${count} odd inputs`, { skip }, async () => {
    const { findings } = await fuzz(target, new Random(20261126), (inputs) => inputs >= count, false)
    assert.deepEqual(findings, [])
  })
}
