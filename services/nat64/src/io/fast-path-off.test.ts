/** Where the fast path cannot be had, it says why and steps aside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { deleteLink, libc, nativeBuffer } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import koffi from 'koffi'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { fastPathPlan } from '../core/fast-path-plan.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { addressMapConfig, hostsOf, ip4Of } from '../testkit/core-lab.ts'
import type { BpfObject } from './bpf-object.ts'
import { loadProgram } from './bpf-program.ts'
import { FastPath, type FastPathSource } from './fast-path.ts'
import { attachTun } from './tun.ts'

const skip = enterNamespace()

const source = (): FastPathSource => ({
  plan: fastPathPlan(addressMapConfig({}), DEFAULT_SETTINGS, 1500),
  capacity: 16,
  hosts: hostsOf({}),
  lans: [],
})

// `exit` alone: nothing was put into the register of the result.
const exit = Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0)
const refused: BpfObject = { instructions: exit, license: 'sixgate', maps: [], references: [] }
const assertRefused = (): void =>
  assert.throws(
    () => loadProgram('bad', refused, new Map()),
    /load the BPF program: Permission denied \(EACCES\); the verifier: .*R0 !read_ok/,
  )

/** struct itimerval: it_interval and it_value, each seconds and microseconds (i64). */
const itimer = nativeBuffer(32)
const setitimer = koffi.load(null).func('setitimer', 'int', ['int', 'uintptr_t', 'uintptr_t']) as (
  which: number,
  value: number,
  old: number,
) => number

/** SIGALRM every so many microseconds; 0: no more. */
const setIntervalTimer = (us: number): void => {
  itimer.view.setBigInt64(8, BigInt(us), true)
  itimer.view.setBigInt64(24, BigInt(us), true)
  assert.equal(setitimer(0, itimer.address, 0), 0)
}

test("a program that the kernel refuses: the error has the verifier's words", { skip }, assertRefused)

test('signals that come while the verifier works change nothing', { skip }, async () => {
  let signals = 0
  const hear = (): void => void signals++
  process.on('SIGALRM', hear)
  setIntervalTimer(1000)
  try {
    // Of 1000, ten or more meet one.
    for (let turn = 0; turn < 1000; turn++) assertRefused()
  } finally {
    setIntervalTimer(0)
  }
  // They are heard when the loop turns.
  await turn()
  process.off('SIGALRM', hear)
  assert.ok(signals > 0)
})

for (const [what, objectFile, wanted, off] of [
  ['the object is missing', '/nonexistent/nat64.o', source, 'not_built'],
  ['the file is no object', process.execPath, source, 'failed'],
  ['the document wants none', undefined, () => ({ ...source(), plan: undefined }), 'document'],
] as const)
  test(`${what}: ${off}`, { skip }, () => {
    const fastPath = new FastPath('nat64', silent, wanted, objectFile === undefined ? {} : { objectFile })
    try {
      fastPath.rebuild()
      assert.equal(fastPath.off, off)
      const counters = fastPath.counters()
      assert.equal(counters.fast_path, 0)
      assert.equal(counters[`fast_path_off_${off}`], 1)
      // What happens to mappings goes on as if nothing were.
      for (const host of hostsOf({})) fastPath.install(host)
      fastPath.remove(ip4Of('198.18.0.10'))
      assert.equal(fastPath.seenS(ip4Of('198.18.0.10')), 0)
      assert.equal(fastPath.usages().size, 0)
      assert.match(fastPath.remark, /^fast path: off \(.+\)$/)
    } finally {
      fastPath.stop('remove')
    }
  })

test('no TUN yet: it waits with everything ready, and is on when the TUN comes', { skip }, () => {
  const fastPath = new FastPath('nat64', silent, source)
  try {
    fastPath.rebuild()
    assert.equal(fastPath.off, undefined)
    assert.deepEqual([fastPath.counters().fast_path, fastPath.counters().fast_path_hosts], [0, 2])
    const { fd } = attachTun('nat64')
    try {
      fastPath.attach()
      assert.equal(fastPath.counters().fast_path, 1)
    } finally {
      libc.closeFd(fd)
    }
  } finally {
    fastPath.stop('remove')
    deleteLink('nat64')
  }
})

test('no program for LANs to be had: it says so, and the TUN has its own', { skip }, () => {
  const object = new URL('../../bpf/build/test-ethernet.o', import.meta.url).pathname
  const fastPath = new FastPath('nat64', silent, () => ({ ...source(), lans: ['lo'] }), { objectFile: object })
  const { fd } = attachTun('nat64')
  try {
    fastPath.rebuild()
    assert.equal(
      fastPath.remark,
      'fast path: on, 2 hosts; not at lo (this kernel does not take its programs, see the log)',
    )
    assert.deepEqual([fastPath.counters().fast_path, fastPath.counters().fast_path_lan_links], [1, 0])
  } finally {
    fastPath.stop('remove')
    libc.closeFd(fd)
    deleteLink('nat64')
  }
})
