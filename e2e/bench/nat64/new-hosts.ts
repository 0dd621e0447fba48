/**
 * Hosts that were never seen before, all at once: the sender plays them on a raw socket, one UDP datagram each, again for
 * those that may have been lost; the receiver notes when each of them was heard first.
 *
 *   node new-hosts.ts receive COUNT                    prints "ready", then {"heard": …, "seconds": …}
 *   node new-hosts.ts send ADDRESS COUNT FIRST         hosts FIRST … FIRST + COUNT - 1 of the client's link
 */
import { parseIp6 } from '@sixgate/addr'
import { AF, HostError, libc, nativeBuffer, POLL, SOCK } from '@sixgate/host'
import { CLIENT6 } from './lab.ts'

const PORT = 5301
const IPPROTO_RAW = 255
const UDP = 17
const IPV6_LEN = 40
const UDP_LEN = 8
/** The number of the host. */
const DATA_LEN = 4
const PACKET_LEN = IPV6_LEN + UDP_LEN + DATA_LEN
const SOL_SOCKET = 1
const SO_RCVBUFFORCE = { level: SOL_SOCKET, name: 33, label: 'SO_RCVBUFFORCE' }

/** A host that got no answer tries again after so long, at most so often: as resolvers do. */
const AGAIN_MS = 200
const TRIES = 25
/** Nothing more will come after so long. */
const SILENCE_MS = 1000
const BEGIN_WITHIN_MS = 20_000

const data = nativeBuffer(2048)
const name = nativeBuffer(28)
const pollSet = nativeBuffer(8)

const fillName = (ip6: Uint8Array, port: number): void => {
  name.view.setUint16(0, AF.INET6, true)
  name.view.setUint16(2, port)
  name.bytes.set(ip6, 8)
}

const receive = (count: number): void => {
  const fd = libc.socket(AF.INET6, SOCK.DGRAM, 0)
  libc.setsockoptInt(fd, SO_RCVBUFFORCE, 16 << 20)
  fillName(new Uint8Array(16), PORT)
  libc.bind(fd, name.address, 28)
  process.stdout.write('ready\n')
  pollSet.view.setInt32(0, fd, true)
  pollSet.view.setInt16(4, POLL.IN, true)
  const heard = new Set<number>()
  let [firstMs, lastMs] = [0, 0]
  while (heard.size < count && libc.poll(pollSet.address, 1, heard.size === 0 ? BEGIN_WITHIN_MS : SILENCE_MS) > 0) {
    const received = libc.read(fd, data.address, 2048)
    if (received < 0) throw new HostError('receive', -received)
    const host = data.view.getUint32(0)
    if (heard.has(host)) continue
    heard.add(host)
    lastMs = performance.now()
    if (heard.size === 1) firstMs = lastMs
  }
  process.stdout.write(`${JSON.stringify({ heard: heard.size, seconds: (lastMs - firstMs) / 1000 })}\n`)
}

const CLIENT = parseIp6(CLIENT6) ?? new Uint8Array(16)

/** RFC 1071. */
const sum16 = (from: number, until: number): number => {
  let sum = 0
  for (let o = from; o < until; o += 2) sum += data.view.getUint16(o)
  return sum
}

const fold = (sum: number): number => (sum > 0xffff ? fold((sum & 0xffff) + (sum >>> 16)) : sum)

const writePacket = (target: Uint8Array, host: number): void => {
  const { view, bytes } = data
  view.setUint32(0, 0x6000_0000)
  view.setUint16(4, UDP_LEN + DATA_LEN)
  view.setUint8(6, UDP)
  view.setUint8(7, 64)
  bytes.set(CLIENT, 8)
  // Not one of the client's own addresses: a part of the link that only these hosts have.
  view.setUint16(16, 0x6e68)
  view.setUint32(20, host)
  bytes.set(target, 24)
  view.setUint16(IPV6_LEN, PORT)
  view.setUint16(IPV6_LEN + 2, PORT)
  view.setUint16(IPV6_LEN + 4, UDP_LEN + DATA_LEN)
  view.setUint16(IPV6_LEN + 6, 0)
  view.setUint32(IPV6_LEN + UDP_LEN, host)
  const sum = fold(sum16(8, PACKET_LEN) + UDP_LEN + DATA_LEN + UDP)
  view.setUint16(IPV6_LEN + 6, ~sum & 0xffff || 0xffff)
}

const send = async (address: string, count: number, first: number): Promise<void> => {
  const target = parseIp6(address)
  if (target === undefined) throw new Error(`"${address}": must be an IPv6 address`)
  const fd = libc.socket(AF.INET6, SOCK.RAW, IPPROTO_RAW)
  fillName(target, 0)
  const to = { address: name.address, lenBytes: 28 }
  const span = { address: data.address, lenBytes: PACKET_LEN }
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const startedMs = performance.now()
    for (let host = first; host < first + count; host++) {
      writePacket(target, host)
      const sent = libc.sendto(fd, span, 0, to)
      if (sent < 0) throw new HostError(`send to ${address}`, -sent)
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedMs + AGAIN_MS - performance.now())))
  }
}

const [command, ...words] = process.argv.slice(2)
if (import.meta.main) {
  const [address = '', ...numbers] = words
  if (command === 'receive' && Number(address) > 0) receive(Number(address))
  else if (command === 'send' && numbers.length === 2) await send(address, Number(numbers[0]), Number(numbers[1]))
  else throw new Error('usage: new-hosts.ts receive COUNT | send ADDRESS COUNT FIRST')
}
