/**
 * Two ends of a UDP flow in super-packets, which iperf3 cannot make: the sender hands 50 datagrams at once to the kernel
 * (UDP_SEGMENT), the receiver takes them as they come (UDP_GRO).
 *
 *   node udp-gso.ts receive                  prints "ready", then, after the flow: {"bytes": …}
 *   node udp-gso.ts send ADDRESS SECONDS     prints {"bytes": …, "seconds": …}
 */
import { parseIp4, parseIp6 } from '@sixgate/addr'
import { AF, HostError, libc, nativeBuffer, POLL, SOCK } from '@sixgate/host'

/** Payload of each datagram, and datagrams per system call: 60,000 bytes, below the 65,507 that UDP can carry. */
export const SEGMENT_BYTES = 1200
const SEGMENTS = 50
const PORT = 5300
const BUFFER_BYTES = 65_536

const SOL_SOCKET = 1
const SOL_UDP = 17
const UDP_SEGMENT = { level: SOL_UDP, name: 103, label: 'UDP_SEGMENT' }
const UDP_GRO = { level: SOL_UDP, name: 104, label: 'UDP_GRO' }
const SO_RCVBUFFORCE = { level: SOL_SOCKET, name: 33, label: 'SO_RCVBUFFORCE' }
const RECEIVE_BUFFER_BYTES = 16 << 20

/** The receiver waits so long for the flow to begin, and takes it as over after so long a silence. */
const BEGIN_WITHIN_MS = 20_000
const SILENCE_MS = 500

const data = nativeBuffer(BUFFER_BYTES)
const pollSet = nativeBuffer(8)
const name = nativeBuffer(28)

/** Writes struct sockaddr_in or sockaddr_in6; returns its family and length. `undefined` address: any, both families. */
const fillName = (text: string | undefined): { family: number; lenBytes: number } => {
  name.view.setUint16(2, PORT)
  const ip4 = text === undefined ? undefined : parseIp4(text)
  if (ip4 !== undefined) {
    name.view.setUint16(0, AF.INET, true)
    name.view.setUint32(4, ip4)
    return { family: AF.INET, lenBytes: 16 }
  }
  name.view.setUint16(0, AF.INET6, true)
  const ip6 = text === undefined ? new Uint8Array(16) : parseIp6(text)
  if (ip6 === undefined) throw new Error(`"${text}": must be an IPv4 or IPv6 address`)
  name.bytes.set(ip6, 8)
  return { family: AF.INET6, lenBytes: 28 }
}

const receive = (): void => {
  const { family, lenBytes } = fillName(undefined)
  const fd = libc.socket(family, SOCK.DGRAM, 0)
  libc.setsockoptInt(fd, UDP_GRO, 1)
  libc.setsockoptInt(fd, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
  libc.bind(fd, name.address, lenBytes)
  process.stdout.write('ready\n')
  pollSet.view.setInt32(0, fd, true)
  pollSet.view.setInt16(4, POLL.IN, true)
  let bytes = 0
  while (libc.poll(pollSet.address, 1, bytes === 0 ? BEGIN_WITHIN_MS : SILENCE_MS) > 0) {
    const received = libc.read(fd, data.address, BUFFER_BYTES)
    if (received < 0) throw new HostError('receive', -received)
    bytes += received
  }
  process.stdout.write(`${JSON.stringify({ bytes })}\n`)
}

const send = (address: string, seconds: number): void => {
  const { family, lenBytes } = fillName(address)
  const fd = libc.socket(family, SOCK.DGRAM, 0)
  libc.setsockoptInt(fd, UDP_SEGMENT, SEGMENT_BYTES)
  const span = { address: data.address, lenBytes: SEGMENT_BYTES * SEGMENTS }
  const to = { address: name.address, lenBytes }
  const started = performance.now()
  let bytes = 0
  while (performance.now() - started < seconds * 1000) {
    const sent = libc.sendto(fd, span, 0, to)
    if (sent < 0) throw new HostError(`send to ${address}`, -sent)
    bytes += sent
  }
  process.stdout.write(`${JSON.stringify({ bytes, seconds: (performance.now() - started) / 1000 })}\n`)
}

const main = (): void => {
  const [command, address, seconds] = process.argv.slice(2)
  if (command === 'receive') receive()
  else if (command === 'send' && address !== undefined && Number(seconds) > 0) send(address, Number(seconds))
  else throw new Error('usage: udp-gso.ts receive | send ADDRESS SECONDS')
}

if (import.meta.main) main()
