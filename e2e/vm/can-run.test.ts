import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('can-run.sh', import.meta.url))

const ask = (decision: string, command: readonly string[] = [SCRIPT]) => {
  const [program = '', ...parameters] = command
  const { status, stdout, stderr } = spawnSync(program, parameters, {
    encoding: 'utf8',
    env: { ...process.env, SIXGATE_VM: decision },
  })
  return { status, stdout, stderr }
}

test('with one processor: left out, and why', () => {
  const { status, stdout } = ask('', ['taskset', '--cpu-list', '0', SCRIPT])
  assert.equal(status, 1)
  assert.match(stdout, /^\[can-run\] make e2e-vm is left out: .*1 of 4 processors; /)
})

test('SIXGATE_VM decides, whatever the machine is', () => {
  assert.deepEqual(ask('yes', ['taskset', '--cpu-list', '0', SCRIPT]), { status: 0, stdout: '', stderr: '' })
  assert.deepEqual(ask('no'), {
    status: 1,
    stdout: '[can-run] make e2e-vm is left out: SIXGATE_VM=no\n',
    stderr: '',
  })
})

test('another word is a mistake, not a decision', () => {
  assert.deepEqual(ask('maybe'), { status: 2, stdout: '', stderr: 'SIXGATE_VM=maybe: allowed are yes and no\n' })
})
