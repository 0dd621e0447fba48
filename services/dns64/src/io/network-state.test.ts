import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readNetworkState, watchNetworkState } from './network-state.ts'

const directory = mkdtempSync(join(tmpdir(), 'network-state-'))
after(() => rmSync(directory, { recursive: true }))
const first = join(directory, 'first')
const second = join(directory, 'second')
const nameservers = (): readonly string[] => readNetworkState(`${first}:${second}`).nameservers

test('of several resolv.conf the first counts that names servers', () => {
  assert.deepEqual(nameservers(), [])
  writeFileSync(second, 'nameserver 192.0.2.2\n')
  assert.deepEqual(nameservers(), ['192.0.2.2'])
  writeFileSync(first, '\n')
  assert.deepEqual(nameservers(), ['192.0.2.2'])
  writeFileSync(first, 'nameserver 192.0.2.1\n')
  assert.deepEqual(nameservers(), ['192.0.2.1'])
})

test('a file that takes the place of another is noticed, whichever of them it is, also at once', async (t) => {
  for (const [file, address] of [
    [first, '192.0.2.3'],
    [second, '192.0.2.4'],
  ] as const) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = watchNetworkState(`${first}:${second}`, () => {
      if (nameservers()[0] === address) resolve()
    })
    t.after(stop)
    if (file === second) rmSync(first)
    writeFileSync(join(directory, 'new'), `nameserver ${address}\n`)
    renameSync(join(directory, 'new'), file)
    await promise
    stop()
  }
})
