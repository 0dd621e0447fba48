import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import { HostError, link } from '@sixgate/host'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { checkSolicitation, type ReceivedMessage, RsVerdict } from '../core/rs-check.ts'
import { EthernetPort } from '../testkit/ethernet-port.ts'
import { decodeFrame, encodeFrame, type Icmp6Frame, icmp6Checksum } from '../testkit/icmp6-frame.ts'
import { until } from '../testkit/until.ts'
import { Icmp6Socket } from './icmp6-socket.ts'

const skip = enterNamespace()

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))

const ROUTER = ip6('fe80::1')
const HOST = ip6('fe80::5')
const HOST_MAC = octets('020000000005')
const ALL_NODES_MAC = octets('333300000001')
const ALL_ROUTERS_MAC = octets('333300000002')
const RS = octets('85 00 0000 00000000 01 01 020000000005')
const RA = octets('86 00 0000 40 00 0708 00000000 00000000')

/** A wire with a router's interface `lan0` at one end and a bare port, without any kernel IPv6, at the other. */
const wire = (): { port: EthernetPort; socket: Icmp6Socket; received: ReceivedMessage[]; errors: HostError[] } => {
  const here = Namespace.here()
  here.ip('link add lan0 type veth peer name host0')
  here.sysctl('ipv6/conf/host0/disable_ipv6', 1)
  here.sysctl('ipv6/conf/lan0/accept_ra', 0)
  here.sysctl('ipv6/conf/lan0/router_solicitations', 0)
  here.ip('link set host0 up')
  here.ip('link set lan0 up')
  here.ip('address add fe80::1/64 dev lan0 nodad')
  const received: ReceivedMessage[] = []
  const errors: HostError[] = []
  const port = new EthernetPort('host0')
  const ifindex = link('lan0')?.index ?? assert.fail()
  const socket = new Icmp6Socket(
    { ifindex, name: 'lan0', linkLocal: ROUTER },
    { onMessage: (message) => received.push(message), onError: (error) => errors.push(error) },
  )
  return { port, socket, received, errors }
}

const { port, socket, received, errors } = skip === false ? wire() : ({} as ReturnType<typeof wire>)
after(() => {
  port?.close()
  socket?.close()
})

const SOLICITATION: Icmp6Frame = {
  destinationMac: ALL_ROUTERS_MAC,
  sourceMac: HOST_MAC,
  source: HOST,
  destination: ip6('ff02::2'),
  hopLimit: 255,
  message: RS,
}
const solicit = (change: Partial<Icmp6Frame> = {}): void => port.send(encodeFrame({ ...SOLICITATION, ...change }))

const advertisements = (): Icmp6Frame[] =>
  port.frames.flatMap((frame) => decodeFrame(frame) ?? []).filter(({ message }) => message[0] === 134)

test('RFC 4861 §4.2: a message to all nodes: source link-local, hop limit 255, checksum right', { skip }, async () => {
  socket.send(RA)
  const frame = await until('the advertisement', () => advertisements()[0])
  assert.equal(formatIp6(frame.source), 'fe80::1')
  assert.equal(formatIp6(frame.destination), 'ff02::1')
  assert.deepEqual(frame.destinationMac, ALL_NODES_MAC)
  assert.equal(frame.hopLimit, 255)
  assert.equal(icmp6Checksum(frame), 0)
  assert.deepEqual(Uint8Array.of(...RA.subarray(0, 2), 0, 0, ...RA.subarray(4)), RA)
  assert.deepEqual(frame.message.subarray(4), RA.subarray(4))
})

test('a solicitation comes with its source and hop limit', { skip }, async () => {
  solicit()
  const message = await until('the solicitation', () => received.shift())
  assert.equal(formatIp6(message.source), 'fe80::5')
  assert.equal(message.hopLimit, 255)
  assert.deepEqual(message.message.subarray(4), RS.subarray(4))
  assert.equal(checkSolicitation(message), RsVerdict.OK)
})

/** Each as it comes through a real kernel; the verdict that the service counts. */
const REFUSED: readonly (readonly [string, Partial<Icmp6Frame>, keyof typeof RsVerdict])[] = [
  ['hop limit 64', { hopLimit: 64 }, 'HOP_LIMIT'],
  ['code 1', { message: octets('85 01 0000 00000000') }, 'BAD_CODE'],
  ['four octets', { message: octets('85 00 0000') }, 'TOO_SHORT'],
  ['an option of length zero', { message: octets('85 00 0000 00000000 01 00 020000000005') }, 'OPTION_LENGTH_ZERO'],
  ['an option past the end', { message: octets('85 00 0000 00000000 01 02 020000000005') }, 'OPTION_OVERRUN'],
  ['SLLA from ::', { source: ip6('::') }, 'SLLA_FROM_UNSPECIFIED'],
]

for (const [name, change, verdict] of REFUSED) {
  test(`RFC 4861 §6.1.1 through the kernel: ${name}`, { skip }, async () => {
    solicit(change)
    const message = await until('the solicitation', () => received.shift())
    assert.equal(checkSolicitation(message), RsVerdict[verdict])
  })
}

test('RFC 4861 §6.1.1: a wrong checksum never arrives: the kernel drops it', { skip }, async () => {
  solicit({ message: octets('85 00 dead 00000000') })
  solicit({ source: ip6('fe80::6') })
  const next = await until('the right one behind it', () => received.shift())
  assert.equal(formatIp6(next.source), 'fe80::6')
})

test('Router Advertisements of others are delivered, other ICMPv6 messages and what this socket sends are not', {
  skip,
}, async () => {
  solicit({ message: octets('86 00 0000 40 00 0708 00000000 00000000') })
  solicit({ message: octets('80 00 0000 0001 0001') })
  socket.send(RA)
  solicit({ source: ip6('fe80::7') })
  const advertisement = await until('the advertisement', () => received.shift())
  assert.deepEqual([advertisement.message[0], advertisement.fragmented], [134, false])
  const next = await until('the solicitation behind them', () => received.shift())
  assert.equal(formatIp6(next.source), 'fe80::7')
})

test('RFC 7772 §5.1: an answer to one host goes to its addresses; the kernel knows them from the SLLA', {
  skip,
}, async () => {
  // Linux looks at solicitations only as a router (else it asks the host by Neighbor Solicitation, which costs a round trip).
  Namespace.here().sysctl('ipv6/conf/lan0/forwarding', 1)
  port.frames.length = 0
  solicit()
  await until('the solicitation', () => received.shift())
  socket.send(RA, HOST)
  const frame = await until('the advertisement', () => advertisements()[0])
  assert.equal(formatIp6(frame.destination), 'fe80::5')
  assert.deepEqual(frame.destinationMac, HOST_MAC)
  assert.equal(frame.hopLimit, 255)
})

test('RFC 6980 §5: a message beyond the MTU is refused, never fragmented', { skip }, () => {
  const tooLong = new Uint8Array(1500)
  tooLong.set(RA)
  assert.throws(
    () => socket.send(tooLong),
    (error) => error instanceof HostError && error.code === 'EMSGSIZE',
  )
})

test('when the link is deleted, sending says so', { skip }, () => {
  Namespace.here().ip('link delete lan0')
  assert.throws(() => socket.send(RA), /send a Neighbor Discovery message on lan0: No such device/)
  assert.deepEqual(errors, [])
})

test('without the link there is no socket', { skip }, () => {
  assert.throws(
    () => new Icmp6Socket({ ifindex: 4711, name: 'gone0', linkLocal: ROUTER }, { onMessage() {}, onError() {} }),
    (error) => error instanceof HostError && error.code === 'ENODEV',
  )
})
