import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { AF, libc, SOCK } from './libc.ts'
import { nativeBuffer } from './native-buffer.ts'
import {
  abstractAddress,
  connectAbstract,
  listenAbstract,
  peerUser,
  receiveDescriptors,
  sendDescriptors,
  untilReadable,
} from './unix-socket.ts'

const openFds = (): number => readdirSync('/proc/self/fd').length
const NAME = `sixgate/test/${process.pid}`
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

test('an abstract name: a NUL, then the name; not longer than the kernel takes', () => {
  assert.deepEqual([...abstractAddress('ab').bytes], [AF.UNIX, 0, 0, 0x61, 0x62])
  assert.throws(() => abstractAddress('x'.repeat(108)), RangeError)
})

test('one listens under a name, another connects, each knows who the other one is; the name is free again', () => {
  const before = openFds()
  assert.equal(connectAbstract(NAME), undefined, 'nobody listens')
  const listener = listenAbstract(NAME) ?? assert.fail()
  assert.equal(listenAbstract(NAME), undefined, 'the name is taken')
  assert.equal(untilReadable(listener, 0), false)
  const near = connectAbstract(NAME) ?? assert.fail()
  assert.equal(untilReadable(listener, 1000), true)
  const far = libc.accept(listener, SOCK.NONBLOCK)
  for (const fd of [near, far]) assert.equal(peerUser(fd), process.getuid?.())
  for (const fd of [near, far, listener]) libc.closeFd(fd)
  assert.equal(connectAbstract(NAME), undefined)
  assert.equal(openFds(), before)
})

test('descriptors go along with a message, and mean the same file at the other end', () => {
  const before = openFds()
  const [near, far] = libc.socketpair(AF.UNIX, SOCK.SEQPACKET | SOCK.NONBLOCK)
  const [one, other] = libc.socketpair(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK)
  assert.equal(receiveDescriptors(far, 100), undefined, 'nothing is there')
  for (const descriptors of [[], [one], Array.from({ length: 253 }, () => one)]) {
    assert.equal(sendDescriptors(near, new TextEncoder().encode('here'), descriptors), 4)
    const got = receiveDescriptors(far, 100) ?? assert.fail()
    assert.equal(text(got.data), 'here')
    assert.equal(got.descriptors.length, descriptors.length)
    for (const fd of got.descriptors) {
      const octet = nativeBuffer(1)
      assert.equal(libc.write(fd, octet.address, 1), 1)
      assert.equal(libc.read(other, octet.address, 1), 1)
      libc.closeFd(fd)
    }
  }
  libc.closeFd(near)
  assert.equal(receiveDescriptors(far, 100), undefined, 'the other end is gone')
  assert.ok(sendDescriptors(far, Uint8Array.of(1), []) < 0)
  for (const fd of [far, one, other]) libc.closeFd(fd)
  assert.equal(openFds(), before)
})
