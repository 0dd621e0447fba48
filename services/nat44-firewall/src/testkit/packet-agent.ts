/**
 * For tests: a process inside a namespace that sends and answers packets. Commands come as JSON lines on standard input,
 * see `Command`; answers and what servers received go as JSON lines to standard output.
 */
import { createSocket, type Socket } from 'node:dgram'
import { connect, createServer, isIPv6 } from 'node:net'
import { createInterface } from 'node:readline'
import { parseIp6 } from '@sixgate/addr'
import { AF, libc, link, must, nativeBuffer, SOCK } from '@sixgate/host'

/** An emulated machine is so many times slower. */
const SLOWNESS = Number(process.env['SIXGATE_SLOWNESS'] ?? 1)

export interface Probe {
  readonly protocol: 'udp' | 'tcp'
  readonly source?: string
  readonly sourcePort?: number
  readonly destination: string
  readonly port: number
}

/** One ICMPv6 message as it stands; the kernel fills in the checksum. */
export interface Icmp6 {
  readonly source: string
  readonly destination: string
  readonly link: string
  readonly type: number
  readonly hopLimit: number
  /** Hex octets behind the checksum. */
  readonly body: string
}

/** A whole IPv6 packet, header included, as hex octets. */
export interface Raw6 {
  readonly destination: string
  readonly packet: string
}

/** So many octets over one TCP flow, sent back by `echo` at the other end. */
export type Stream = Probe & { readonly octets: number }

/** A whole packet, IP header included, as hex octets, to all on the link: it may bear what no socket would send. */
export interface Frame {
  readonly link: string
  readonly packet: string
}

export type Command =
  | ({ readonly op: 'frame' } & Frame)
  | { readonly op: 'echo'; readonly port: number }
  | ({ readonly op: 'stream'; readonly id: number } & Stream)
  | ({ readonly op: 'serve'; readonly address?: string } & Pick<Probe, 'protocol' | 'port'>)
  | ({ readonly op: 'ask'; readonly id: number } & Probe)
  | ({ readonly op: 'fire' } & Probe)
  | { readonly op: 'catch-up'; readonly id: number }
  | ({ readonly op: 'icmp6' } & Icmp6)
  | ({ readonly op: 'raw6' } & Raw6)

export type Report =
  | { readonly event: 'ready' }
  | { readonly event: 'received'; readonly protocol: 'udp' | 'tcp'; readonly port: number; readonly from: string }
  | { readonly event: 'outcome'; readonly id: number; readonly outcome: string }

const report = (event: Report): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

/** An answer or a refusal comes at once in these networks; only a failed test waits so long. */
const ANSWER_TIMEOUT_MS = 3000 * SLOWNESS
const STREAM_TIMEOUT_MS = 60_000 * SLOWNESS

/** Answers with the address that the question came from, so that the asker sees what NAT made of it. */
const serve = (protocol: 'udp' | 'tcp', port: number, address: string | undefined): void => {
  const received = (from: string): void => report({ event: 'received', protocol, port, from })
  if (protocol === 'udp') {
    const types = address === undefined ? (['udp4', 'udp6'] as const) : ([isIPv6(address) ? 'udp6' : 'udp4'] as const)
    for (const type of types) {
      const socket = createSocket({ type, ipv6Only: type === 'udp6' })
      socket.on('message', (_message, from) => {
        received(from.address)
        socket.send(from.address, from.port, from.address)
      })
      socket.bind(port, address)
    }
    return
  }
  createServer((stream) => {
    const from = (stream.remoteAddress ?? '').replace(/^::ffff:/, '')
    received(from)
    stream.on('error', () => {})
    stream.end(from)
  }).listen(port, '::')
}

const udpSocket = (probe: Probe, use: (socket: Socket) => void): Socket => {
  const socket = createSocket(isIPv6(probe.destination) ? 'udp6' : 'udp4')
  const bound = (): void => use(socket)
  socket.bind(probe.sourcePort ?? 0, probe.source, bound)
  return socket
}

const askUdp = (probe: Probe, done: (outcome: string) => void): void => {
  const end = (outcome: string): void => {
    socket.close()
    done(outcome)
  }
  const socket = udpSocket(probe, () => {
    socket.once('message', (message) => end(`answer ${message.toString()}`))
    socket.connect(probe.port, probe.destination, () => socket.send('hello'))
  })
  socket.once('error', (error) => end(codeOf(error)))
}

const askTcp = (probe: Probe, done: (outcome: string) => void): void => {
  const stream = connect({
    host: probe.destination,
    port: probe.port,
    ...(probe.source === undefined ? {} : { localAddress: probe.source }),
    ...(probe.sourcePort === undefined ? {} : { localPort: probe.sourcePort }),
  })
  let text = ''
  stream.on('data', (data) => {
    text += data.toString()
  })
  stream.on('end', () => done(`answer ${text}`))
  stream.on('error', (error) => done(codeOf(error)))
}

/** Sends back what comes. */
const echo = (port: number): void => {
  createServer((stream) => {
    stream.on('error', () => {})
    stream.pipe(stream)
  }).listen(port, '::')
}

/** `echoed N`, or the name of the error that ended it. */
const stream = (probe: Stream, done: (outcome: string) => void): void => {
  const local = probe.source === undefined ? {} : { localAddress: probe.source }
  const flow = connect({ host: probe.destination, port: probe.port, ...local })
  let echoed = 0
  flow.on('connect', () => flow.write(Buffer.alloc(probe.octets)))
  flow.on('data', (data) => {
    echoed += data.length
    // Not before: a FIN brings the flow back to the rules.
    if (echoed === probe.octets) flow.end()
  })
  flow.on('end', () => done(`echoed ${echoed}`))
  flow.on('error', (error) => done(codeOf(error)))
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error)

/** `done`, but with `silence` after this time. */
const inTime = (timeoutMs: number, done: (outcome: string) => void): ((outcome: string) => void) => {
  const timer = setTimeout(() => done('silence'), timeoutMs)
  return (outcome) => {
    clearTimeout(timer)
    done(outcome)
  }
}

const ask = (probe: Probe, done: (outcome: string) => void): void => {
  const once = inTime(ANSWER_TIMEOUT_MS, done)
  if (probe.protocol === 'udp') askUdp(probe, once)
  else askTcp(probe, once)
}

/** RFC 3542: option numbers of linux/in6.h. */
const UNICAST_HOPS = { level: 41, name: 16, label: 'IPV6_UNICAST_HOPS' }
const MULTICAST_HOPS = { level: 41, name: 18, label: 'IPV6_MULTICAST_HOPS' }
const IPPROTO_ICMPV6 = 58
/** struct sockaddr_in6: family u16, port u16, flow u32, address at 8, scope u32 at 24. */
const SOCKADDR_IN6_LEN_BYTES = 28

const sockaddr6 = (address: string, ifindex: number): ReturnType<typeof nativeBuffer> => {
  const buffer = nativeBuffer(SOCKADDR_IN6_LEN_BYTES)
  buffer.view.setUint16(0, AF.INET6, true)
  buffer.bytes.set(parseIp6(address) ?? new Uint8Array(16), 8)
  if (/^fe80|^ff02/.test(address)) buffer.view.setUint32(24, ifindex, true)
  return buffer
}

const sendIcmp6 = (message: Icmp6): void => {
  const ifindex = link(message.link)?.index ?? 0
  const fd = libc.socket(AF.INET6, SOCK.RAW, IPPROTO_ICMPV6)
  libc.setsockoptInt(fd, UNICAST_HOPS, message.hopLimit)
  libc.setsockoptInt(fd, MULTICAST_HOPS, message.hopLimit)
  const source = sockaddr6(message.source, ifindex)
  libc.bind(fd, source.address, SOCKADDR_IN6_LEN_BYTES, `bind ${message.source}`)
  const destination = sockaddr6(message.destination, ifindex)
  const octets = Buffer.from(`${message.type.toString(16).padStart(2, '0')}000000${message.body}`, 'hex')
  const packet = nativeBuffer(octets.length)
  packet.bytes.set(octets)
  const span = { address: packet.address, lenBytes: octets.length }
  must(libc.sendto(fd, span, 0, { address: destination.address, lenBytes: SOCKADDR_IN6_LEN_BYTES }), 'send ICMPv6')
  libc.closeFd(fd)
}

const IPPROTO_RAW = 255

const sendRaw6 = ({ destination, packet }: Raw6): void => {
  const fd = libc.socket(AF.INET6, SOCK.RAW, IPPROTO_RAW)
  const octets = Buffer.from(packet, 'hex')
  const buffer = nativeBuffer(octets.length)
  buffer.bytes.set(octets)
  const to = sockaddr6(destination, 0)
  const span = { address: buffer.address, lenBytes: octets.length }
  must(libc.sendto(fd, span, 0, { address: to.address, lenBytes: SOCKADDR_IN6_LEN_BYTES }), 'send IPv6')
  libc.closeFd(fd)
}

const ETHERTYPE = { IP4: 0x08_00, IP6: 0x86_dd } as const
/** packet(7), struct sockaddr_ll: family u16, protocol u16 in network order, ifindex i32 at 4, address length at 11, address at 12. */
const SOCKADDR_LL_LEN_BYTES = 20
const MAC_LEN_BYTES = 6

const sendFrame = ({ link: name, packet }: Frame): void => {
  const fd = libc.socket(AF.PACKET, SOCK.DGRAM, 0)
  const octets = Buffer.from(packet, 'hex')
  const buffer = nativeBuffer(octets.length)
  buffer.bytes.set(octets)
  const to = nativeBuffer(SOCKADDR_LL_LEN_BYTES)
  to.view.setUint16(0, AF.PACKET, true)
  to.view.setUint16(2, octets[0] === 0x60 ? ETHERTYPE.IP6 : ETHERTYPE.IP4)
  to.view.setInt32(4, link(name)?.index ?? 0, true)
  to.view.setUint8(11, MAC_LEN_BYTES)
  to.bytes.fill(0xff, 12, 12 + MAC_LEN_BYTES)
  const span = { address: buffer.address, lenBytes: octets.length }
  must(libc.sendto(fd, span, 0, { address: to.address, lenBytes: SOCKADDR_LL_LEN_BYTES }), 'send a frame')
  libc.closeFd(fd)
}

const fire = (probe: Probe): void => {
  if (probe.protocol === 'tcp') {
    askTcp(probe, () => {})
    return
  }
  const socket = udpSocket(probe, () => socket.send('hello', probe.port, probe.destination))
  socket.on('error', () => {})
}

const carryOut = (command: Command): void => {
  switch (command.op) {
    case 'serve':
      return serve(command.protocol, command.port, command.address)
    case 'echo':
      return echo(command.port)
    case 'stream':
      return stream(
        command,
        inTime(STREAM_TIMEOUT_MS, (outcome) => report({ event: 'outcome', id: command.id, outcome })),
      )
    case 'ask':
      return ask(command, (outcome) => report({ event: 'outcome', id: command.id, outcome }))
    case 'fire':
      return fire(command)
    case 'catch-up':
      // A whole turn of the event loop: what waits in any socket is read in it.
      setImmediate(() => setImmediate(report, { event: 'outcome', id: command.id, outcome: 'caught up' }))
      return
    case 'icmp6':
      return sendIcmp6(command)
    case 'raw6':
      return sendRaw6(command)
    case 'frame':
      return sendFrame(command)
  }
}

createInterface({ input: process.stdin }).on('line', (line) => carryOut(JSON.parse(line) as Command))
report({ event: 'ready' })
