import assert from 'node:assert/strict'
import { test } from 'node:test'
import { afterLine, BEGINNING, failures } from './console.ts'

const courseOf = (...lines: readonly (string | undefined)[]) =>
  lines.map((line) => line ?? '').reduce(afterLine, BEGINNING)
const GOOD = [
  'vm: kernel Linux 6.1.0-56-amd64 x86_64',
  'vm: step begins: vectors',
  'ℹ pass 7',
  'vm: step ended with status 0: vectors',
  'vm: suite ended with status 0',
]

test('a run in which all went well', () => {
  assert.deepEqual(failures(courseOf(...GOOD), ['vectors']), [])
})

test('what makes a run a failure', () => {
  for (const [lines, expected] of [
    [[], ['the guest did not come up', 'step "vectors" did not end', 'the guest ended before its suite']],
    [GOOD.slice(0, 2), ['step "vectors" did not end', 'the guest ended before its suite']],
    [
      [GOOD[0], 'vm: step ended with status 1: vectors', 'vm: suite ended with status 1'],
      ['step "vectors" ended with status 1'],
    ],
  ] as const)
    assert.deepEqual(failures(courseOf(...lines), ['vectors']), expected)
})

test("the kernel's faults fail a run that went well otherwise", () => {
  for (const line of [
    '[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008',
    '[   12.345678] Oops: 0000 [#1] PREEMPT SMP NOPTI',
    '[   12.345678] Internal error: Oops: 0000000096000004 [#1] SMP',
    '[   12.345678] Unable to handle kernel paging request at virtual address ffff000000000000',
    '[   12.345678] ------------[ cut here ]------------ WARNING: CPU: 1 PID: 7 at net/core/dev.c:3274',
    '[   12.345678][    C1] WARNING: CPU: 1 PID: 7 at net/core/skbuff.c:1 skb_x+0x1/0x2',
    '[   12.345678] Kernel panic - not syncing: Fatal exception in interrupt',
    '[   12.345678] eth0: hw csum failure',
    '[   12.345678] refcount_t: underflow; use-after-free.',
  ])
    assert.deepEqual(failures(courseOf(...GOOD, line), ['vectors']), [`the kernel reported a fault: ${line}`])
})

test('what only looks like a fault is none', () => {
  for (const line of [
    'ok 3 - says "BUG: kernel NULL pointer dereference" itself',
    '[    2.693626] reboot: Power down',
    '[   12.345678] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
    '[   95.782814] hrtimer: interrupt took 21088990 ns',
  ])
    assert.deepEqual(failures(courseOf(...GOOD, line), ['vectors']), [], line)
})
