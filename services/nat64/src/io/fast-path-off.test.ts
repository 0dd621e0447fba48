/** Where the fast path cannot be had, it says why and steps aside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deleteLink, libc } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
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

test("a program that the kernel refuses: the error has the verifier's words", { skip }, () => {
  // `exit` alone: nothing was put into the register of the result.
  const exit = Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0)
  const object: BpfObject = { instructions: exit, license: 'sixgate', maps: [], references: [] }
  assert.throws(
    () => loadProgram('bad', object, new Map()),
    /load the BPF program: Permission denied \(EACCES\); the verifier: .*R0 !read_ok/,
  )
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
      'fast path: on, 2 hosts; not at lo (this kernel does not take its program, see the log)',
    )
    assert.deepEqual([fastPath.counters().fast_path, fastPath.counters().fast_path_lan_links], [1, 0])
  } finally {
    fastPath.stop('remove')
    libc.closeFd(fd)
    deleteLink('nat64')
  }
})
