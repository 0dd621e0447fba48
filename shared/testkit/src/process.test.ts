import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { Process } from './process.ts'

test('a process that left a child behind, which holds its output, is over when it has ended', {
  timeout: 60_000,
}, async () => {
  const parent = new Process(spawn('sh', ['-c', 'sleep 1000 & echo "child $!"; wait']), 'parent')
  const [, child] = await parent.waitFor(/child (\d+)/)
  try {
    assert.equal(await parent.stop(), -2)
    assert.equal(parent.output.stdout, `child ${child}\n`)
  } finally {
    process.kill(Number(child))
  }
})

test('what a process writes on its way out is there when stop returns', async () => {
  const script = `trap 'kill $!; head -c 200000 /dev/zero | tr "\\0" x; exit 3' TERM; sleep 1000 & echo ready; wait`
  const running = new Process(spawn('sh', ['-c', script]), 'writer')
  await running.waitFor(/ready/)
  assert.equal(await running.stop('SIGTERM'), 3)
  assert.equal(running.output.stdout.length, 'ready\n'.length + 200_000)
})

test('of a process that ended too early it is said how: its status, or the signal', async () => {
  for (const [script, how] of [
    ['exit 3', /early: ended with status 3 before \/never\//],
    ['kill -SEGV $$', /early: ended by SIGSEGV before \/never\//],
  ] as const)
    await assert.rejects(new Process(spawn('sh', ['-c', script]), 'early').waitFor(/never/), how)
})
