import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { ERRNO, libc, nativeBuffer } from '@sixgate/host'
import type { WorkerStart } from './messages.ts'
import type { Tun } from './tun.ts'
import { warmUp } from './warm-up.ts'

const openFds = (): number => readdirSync('/proc/self/fd').length

test('a data plane is fed and drained; nothing stays open, also when it throws', () => {
  const before = openFds()
  const buffer = nativeBuffer(70_000)
  let packets = 0
  const plane = ({ fd }: Tun, { snapshot }: WorkerStart) => ({
    turn: (): boolean => {
      for (;;) {
        const readBytes = libc.read(fd, buffer.address, 70_000)
        if (readBytes === -ERRNO.EAGAIN) return true
        assert.ok(readBytes > 50)
        assert.equal(snapshot.hosts?.count, 1)
        packets += 1
        // An echo of what came takes the place of a translation.
        assert.equal(libc.write(fd, buffer.address, readBytes), readBytes)
      }
    },
  })
  warmUp(plane)
  assert.ok(packets > 100, `${packets} packets`)
  assert.equal(openFds(), before)
  assert.throws(() =>
    warmUp(() => {
      throw new Error('no')
    }),
  )
  assert.equal(openFds(), before)
})
