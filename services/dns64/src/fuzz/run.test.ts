import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '@sixgate/testkit'
import { fuzz } from './run.ts'

test('mutated queries and upstream answers: no crash, every reply is a message that fits its query', async () => {
  const report = await fuzz(new Random(20261125), (packets) => packets >= 3000)
  assert.deepEqual(report.findings, [])
  assert.ok(report.replies > 1500, `${report.replies} replies`)
})
