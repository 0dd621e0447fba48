import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ERRNO, libc } from './libc.ts'
import { nativeBuffer } from './native-buffer.ts'
import { watchReadable } from './readable.ts'

const one = nativeBuffer(8)
one.view.setBigUint64(0, 1n, true)
const signal = (fd: number): number => libc.write(fd, one.address, 8)
const counter = nativeBuffer(8)
const drain = (fd: number): number => libc.read(fd, counter.address, 8)

test('a promise settled by the callback goes on at once', { timeout: 10_000 }, async (t) => {
  const fd = libc.eventfd()
  // No timer, no other handle: only the callback itself can make the promise go on. The test's timeout is one timer,
  // and the margin shows that it was not what woke us.
  const started = performance.now()
  const stop = await new Promise<() => void>((resolve) => {
    const unwatch = watchReadable(fd, () => {
      drain(fd)
      resolve(unwatch)
    })
    signal(fd)
  })
  stop()
  libc.closeFd(fd)
  t.diagnostic(`${(performance.now() - started).toFixed(1)} ms`)
  assert.ok(performance.now() - started < 5000)
})

test('it calls again until the descriptor was read empty, and not after the end', { timeout: 10_000 }, async () => {
  const fd = libc.eventfd()
  let calls = 0
  await new Promise<void>((resolve) => {
    const unwatch = watchReadable(fd, () => {
      calls++
      if (calls < 5) return
      unwatch()
      unwatch()
      resolve()
    })
    signal(fd)
  })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  assert.equal(calls, 5)
  assert.equal(drain(fd), 8)
  assert.equal(drain(fd), -ERRNO.EAGAIN)
  libc.closeFd(fd)
})

test('`first` is asked before; what it has done is done, the rest is the callback’s', { timeout: 10_000 }, async () => {
  const fd = libc.eventfd()
  const calls: string[] = []
  await new Promise<void>((resolve) => {
    const unwatch = watchReadable(
      fd,
      () => {
        calls.push('callback')
        unwatch()
        resolve()
      },
      () => {
        calls.push('first')
        return calls.length < 3
      },
    )
    signal(fd)
  })
  assert.deepEqual(calls, ['first', 'first', 'first', 'callback'])
  libc.closeFd(fd)
})

/** Runs a module that has the package's exports in scope, in a process of its own. */
const runModule = (lines: string, flags: readonly string[] = []) => {
  const index = JSON.stringify(new URL('index.ts', import.meta.url).href)
  const source = `import { libc, nativeBuffer, watchReadable } from ${index}\n${lines}`
  const args = [...flags, '--input-type=module', '-e', source]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 10_000 })
}

test('it goes on when nobody keeps the function that ends it', () => {
  const { stdout } = runModule(
    `const one = nativeBuffer(8)
     one.view.setBigUint64(0, 1n, true)
     const fd = libc.eventfd()
     watchReadable(fd, () => { console.log('called'); process.exit() })
     for (let turn = 0; turn < 5; turn++) {
       gc()
       await new Promise(setImmediate)
     }
     libc.write(fd, one.address, 8)`,
    ['--expose-gc'],
  )
  assert.equal(stdout, 'called\n')
})

test('what the callback throws is an uncaught exception of the process', () => {
  const { status, stderr } = runModule(`watchReadable(libc.eventfd(1), () => { throw new Error('from the callback') })`)
  assert.equal(status, 1)
  assert.match(stderr, /Error: from the callback/)
})

test('so is what `first` throws', () => {
  const { status, stderr } = runModule(
    `watchReadable(libc.eventfd(1), () => {}, () => { throw new Error('from first') })`,
  )
  assert.equal(status, 1)
  assert.match(stderr, /Error: from first/)
})
