import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp4 } from '@sixgate/addr'
import { errnoName, errnoNumber, errnoText } from './errno.ts'
import { HostError, must } from './host-error.ts'
import { AF, ERRNO, libc, MSG, O, POLL, SOCK } from './libc.ts'
import { addressOf, nativeBuffer } from './native-buffer.ts'

test('error numbers, their names and sentences', () => {
  assert.deepEqual([19, 11, 95, 105, 35].map(errnoName), ['ENODEV', 'EAGAIN', 'EOPNOTSUPP', 'ENOBUFS', 'EDEADLK'])
  assert.equal(errnoName(4711), 'E4711')
  assert.equal(errnoText(19), 'No such device')
  assert.equal(errnoNumber('ENODEV'), 19)
  assert.throws(() => errnoNumber('ENONSENSE'), RangeError)
  for (const [name, number] of Object.entries(ERRNO)) assert.equal(errnoName(number), name)
})

test('set-up calls throw an error that says what was tried', () => {
  assert.throws(() => libc.openFd('/nowhere/tun', O.RDWR), {
    name: 'HostError',
    code: 'ENOENT',
    errno: 2,
    message: 'open /nowhere/tun: No such file or directory (ENOENT)',
  })
  const fd = libc.openFd('/dev/null', O.RDWR)
  assert.throws(() => libc.ioctl(fd, 0x400454ca, 0, 'set up the TUN nat64'), {
    code: 'ENOTTY',
    message: 'set up the TUN nat64: Inappropriate ioctl for device (ENOTTY)',
  })
  assert.throws(() => libc.ioctl(fd, 0x400454ca, 0), { message: /^ioctl 0x400454ca: / })
  libc.closeFd(fd)
  assert.throws(() => libc.socket(4711, SOCK.RAW, 0), { code: 'EAFNOSUPPORT' })
})

test('a socket pair is connected', () => {
  const [a, b] = libc.socketpair(AF.UNIX, SOCK.DGRAM)
  const buffer = nativeBuffer(4)
  buffer.bytes.set([1, 2, 3, 4])
  assert.equal(libc.write(a, buffer.address, 4), 4)
  buffer.bytes.fill(0)
  assert.equal(libc.read(b, buffer.address, 4), 4)
  assert.deepEqual([...buffer.bytes], [1, 2, 3, 4])
  for (const fd of [a, b]) libc.closeFd(fd)
})

test('data calls return −errno', () => {
  const buffer = nativeBuffer(8)
  assert.equal(libc.read(-1, buffer.address, 8), -errnoNumber('EBADF'))
  assert.equal(libc.write(-1, buffer.address, 8), -errnoNumber('EBADF'))
  assert.throws(() => must(libc.read(-1, buffer.address, 8), 'read the TUN'), HostError)
  assert.equal(must(3, 'whatever'), 3)
})

test('eventfd in a poll set', () => {
  const fd = libc.eventfd()
  const pollfd = nativeBuffer(8)
  pollfd.view.setInt32(0, fd, true)
  pollfd.view.setInt16(4, POLL.IN, true)
  assert.equal(libc.poll(pollfd.address, 1, 0), 0)
  const value = nativeBuffer(8)
  assert.equal(libc.read(fd, value.address, 8), -ERRNO.EAGAIN)
  value.view.setBigUint64(0, 3n, true)
  assert.equal(libc.write(fd, value.address, 8), 8)
  assert.equal(libc.poll(pollfd.address, 1, -1), 1)
  assert.equal(pollfd.view.getInt16(6, true), POLL.IN)
  value.bytes.fill(0)
  assert.equal(libc.read(fd, value.address, 8), 8)
  assert.equal(value.view.getBigUint64(0, true), 3n)
  libc.closeFd(fd)
})

/** struct sockaddr_in at 0: family u16, port and address in network order. */
const sockaddr = (port: number) => {
  const buffer = nativeBuffer(16)
  buffer.view.setUint16(0, AF.INET, true)
  buffer.view.setUint16(2, port)
  buffer.view.setUint32(4, parseIp4('127.0.0.1') ?? assert.fail())
  return buffer
}

/** struct mmsghdr (64 octets) with one iovec that points at `data`; the msghdr in it serves for single messages too. */
const envelope = (data: ReturnType<typeof nativeBuffer>, name: ReturnType<typeof nativeBuffer>) => {
  const iov = nativeBuffer(16)
  iov.view.setBigUint64(0, BigInt(data.address), true)
  iov.view.setBigUint64(8, BigInt(data.bytes.length), true)
  const header = nativeBuffer(64)
  header.view.setBigUint64(0, BigInt(name.address), true)
  header.view.setUint32(8, 16, true)
  header.view.setBigUint64(16, BigInt(iov.address), true)
  header.view.setBigUint64(24, 1n, true)
  return { header, iov, data, name }
}

test('datagrams by sendto, sendmsg and sendmmsg, back by recvfrom, recvmsg and recvmmsg', () => {
  const [server, client] = [0, 1].map(() => libc.socket(AF.INET, SOCK.DGRAM | SOCK.NONBLOCK, 0)) as [number, number]
  const any = sockaddr(0)
  const fourBytes = nativeBuffer(4)
  const [place, length] = [nativeBuffer(16), nativeBuffer(4)]
  for (const fd of [server, client]) libc.bind(fd, any.address, 16)
  length.view.setUint32(0, 16, true)
  libc.getsockname(server, place.address, length.address)
  const clientPlace = nativeBuffer(16)
  libc.getsockname(client, clientPlace.address, length.address)

  const sent = nativeBuffer(4)
  sent.bytes.set(Buffer.from('ping'))
  const to = { address: place.address, lenBytes: 16 }
  const outgoing = envelope(sent, place)
  assert.equal(libc.sendto(client, { address: sent.address, lenBytes: 4 }, 0, to), 4)
  assert.equal(libc.sendmsg(client, outgoing.header.address, 0), 4)
  assert.equal(libc.sendmmsg(client, outgoing.header.address, 1, 0), 1)
  assert.equal(outgoing.header.view.getUint32(56, true), 4)

  const [from, fromLen, received] = [nativeBuffer(16), nativeBuffer(4), nativeBuffer(64)]
  fromLen.view.setUint32(0, 16, true)
  const into = { address: received.address, lenBytes: 64 }
  assert.equal(libc.recvfrom(server, into, 0, from.address, fromLen.address), 4)
  assert.deepEqual(from.bytes, clientPlace.bytes)
  const incoming = envelope(received, from)
  assert.equal(libc.recvmsg(server, incoming.header.address, 0), 4)
  assert.equal(libc.recvmmsg(server, incoming.header.address, 1, MSG.WAITFORONE), 1)
  assert.equal(incoming.header.view.getUint32(56, true), 4)
  assert.equal(Buffer.from(received.bytes.subarray(0, 4)).toString(), 'ping')
  assert.equal(libc.recvmmsg(server, incoming.header.address, 1, 0), -ERRNO.EAGAIN)
  assert.equal(libc.recvfrom(server, into, 0), -ERRNO.EAGAIN)

  const sendBuffer = { level: 1, name: 7, label: 'SO_SNDBUF' }
  libc.setsockoptInt(server, sendBuffer, 10_000)
  length.view.setUint32(0, 4, true)
  libc.getsockopt(server, sendBuffer, fourBytes.address, length.address)
  assert.equal(fourBytes.view.getInt32(0, true), 20_000)
  assert.throws(() => libc.setsockoptInt(server, { level: 1, name: 4711, label: 'SO_NONSENSE' }, 1), {
    message: 'set SO_NONSENSE: Protocol not available (ENOPROTOOPT)',
  })
  for (const fd of [server, client]) libc.closeFd(fd)
})

test('native memory: addresses of views are where their octets are', () => {
  const buffer = nativeBuffer(100)
  assert.equal(addressOf(buffer.bytes.subarray(10)), buffer.address + 10)
  assert.equal(addressOf(new DataView(buffer.bytes.buffer, 20)), buffer.address + 20)
  assert.ok(buffer.bytes.every((octet) => octet === 0))
})
