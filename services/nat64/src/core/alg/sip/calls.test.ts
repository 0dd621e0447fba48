/** SIP over TCP behind NAT44, without conntrack's helper: addresses that the other side can reach, and ways in for media. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp4, asIp4 } from '@sixgate/addr'
import { offloadFaultOf } from '../../../fuzz/offload-checker.ts'
import { CLIENT_PORT, latin1, octetsOf, segmentOf } from '../../../testkit/alg-lab.ts'
import { CoreLab, HOST_A, HOST_B, ip4Of, PLAIN, SERVER, SERVER6 } from '../../../testkit/core-lab.ts'
import { ip4, ip6, tcp } from '../../../testkit/packet-builder.ts'
import type { FindOutside } from '../outside.ts'
import type { Ends } from '../flow.ts'
import { MAX_CALLS, MediaPaths, mediaEndsIn } from './media-paths.ts'

const UPLINK = '203.0.113.200'
const OUTSIDE_PORT = 61_000
const MEDIA = '198.51.100.9'
const SEEN = { server: '64:ff9b::c000:221', media: '64:ff9b::c633:6409' }
const UDP = 17

/** A connection of host A to the server, both ways, message by message. */
class Connection {
  readonly lab: CoreLab
  /** What NAT44 was asked for. */
  readonly asked: Ends[] = []
  readonly #next = { up: 1000, down: 9000 }
  /** What the receiver of a direction has, in its own numbers. */
  readonly #had = { up: 1000, down: 9000 }

  constructor(found: ReturnType<FindOutside>) {
    this.lab = new CoreLab({
      settings: { alg: { ftpPorts: [], sipPorts: [5060] } },
      findOutside: (ends) => {
        this.asked.push({ ...ends })
        return found
      },
    })
  }

  /** Returns the message that comes out, and the empty UDP packets beside it, as `from:port > to:port`. */
  say(direction: 'up' | 'down', text: string): { readonly text: string; readonly paths: readonly string[] } {
    const [seq, ack] = [this.#next[direction], this.#had[direction === 'up' ? 'down' : 'up']]
    this.#next[direction] += text.length
    const fields = { seq, ack, flags: 0x18, data: octetsOf(text) }
    const packet =
      direction === 'up'
        ? ip6({ src: HOST_A.ip6, dst: SERVER6 }, tcp({ src: CLIENT_PORT, dst: 5060, ...fields }))
        : ip4({ src: SERVER, dst: HOST_A.ip4, df: true }, tcp({ src: 5060, dst: CLIENT_PORT, ...fields }))
    const out = this.lab.play([...PLAIN, ...packet]).out.map((octets) => [...octets])
    const isPath = (octets: readonly number[]): boolean => octets[10] === 0x45 && octets[10 + 9] === UDP
    const segments = out.filter((octets) => !isPath(octets)).map((octets) => segmentOf(octets).segment)
    for (const { seq: at, data } of segments) this.#had[direction] = at + data.length
    const message = segments.map(({ data }) => latin1(data))
    return { text: message.join(''), paths: out.filter(isPath).map(pathOf) }
  }
}

/** Fails for a packet that a receiver would refuse, or that is not empty. */
const pathOf = (octets: number[]): string => {
  assert.equal(offloadFaultOf(octets), undefined)
  const view = new DataView(Uint8Array.from(octets).buffer, 10)
  assert.equal(view.byteLength, 28)
  const address = (at: number): string => formatIp4(asIp4(view.getUint32(at)))
  return `${address(12)}:${view.getUint16(20)} > ${address(16)}:${view.getUint16(22)}`
}

const withBody = (head: readonly string[], body: readonly string[]): string => {
  const text = body.map((line) => `${line}\r\n`).join('')
  return [...head, `Content-Length: ${text.length}`, '', text].join('\r\n')
}
const offer = (host: string, port: number, sdp: string, media: readonly string[], request = 'INVITE'): string =>
  withBody(
    [
      `${request} sip:bob@${host.startsWith('[') ? `[${SEEN.server}]` : SERVER} SIP/2.0`,
      `Via: SIP/2.0/TCP ${host}:${port};branch=z9hG4bK-1;rport`,
      `Contact: <sip:alice@${host}:${port};transport=tcp>`,
      `From: <sip:alice@${host}>;tag=1`,
      `Record-Route: <sip:${host}:5080;lr>`,
      'Call-ID: 1',
    ],
    ['v=0', `c=IN ${sdp}`, ...media],
  )
const answer = (via: string, address: string, media: readonly string[]): string =>
  withBody(['SIP/2.0 200 OK', `Via: SIP/2.0/TCP ${via}`, 'i: 1'], ['v=0', `c=IN IP4 ${address}`, ...media])

test('a host is told of by the address and port that NAT44 gives, other ports of it stay', () => {
  const connection = new Connection({ ip4: ip4Of(UPLINK) | 0, port: OUTSIDE_PORT })
  const { text } = connection.say(
    'up',
    offer(`[${HOST_A.ip6}]`, CLIENT_PORT, `IP6 ${HOST_A.ip6}`, ['m=audio 6000 RTP/AVP 0']),
  )
  assert.equal(text, offer(UPLINK, OUTSIDE_PORT, `IP4 ${UPLINK}`, ['m=audio 6000 RTP/AVP 0']))
  assert.deepEqual(connection.asked, [
    { local4: ip4Of(HOST_A.ip4) | 0, localPort: CLIENT_PORT, remote4: ip4Of(SERVER) | 0, remotePort: 5060 },
  ])
  // And back: what the other side saw is the host's own address and port.
  const seen = `${UPLINK}:${OUTSIDE_PORT};branch=z9hG4bK-1;received=${UPLINK};rport=${OUTSIDE_PORT}`
  const own = `[${HOST_A.ip6}]:${CLIENT_PORT};branch=z9hG4bK-1;received=${HOST_A.ip6};rport=${CLIENT_PORT}`
  assert.match(
    connection.say('down', answer(seen, SERVER, [])).text,
    new RegExp(`^Via: SIP/2.0/TCP ${escape(own)}\\r$`, 'm'),
  )
  assert.match(
    connection.say('down', `OPTIONS sip:alice@${UPLINK}:${OUTSIDE_PORT} SIP/2.0\r\n\r\n`).text,
    new RegExp(`^OPTIONS sip:alice@\\[${HOST_A.ip6}\\]:${CLIENT_PORT} `),
  )
  // NAT44 is asked once for a connection.
  assert.equal(connection.asked.length, 1)
})

const escape = (text: string): string => text.replaceAll(/[.[\]]/g, String.raw`\$&`)

test('without NAT44, or where the kernel does not say, the host has its pool address', () => {
  for (const found of [undefined, 'silent'] as const) {
    const connection = new Connection(found)
    const { text } = connection.say('up', offer(`[${HOST_A.ip6}]`, CLIENT_PORT, `IP6 ${HOST_A.ip6}`, []))
    assert.equal(text, offer(HOST_A.ip4, CLIENT_PORT, `IP4 ${HOST_A.ip4}`, []))
    // It is asked again: conntrack may know by the next message.
    connection.say('up', offer(`[${HOST_A.ip6}]`, CLIENT_PORT, `IP6 ${HOST_A.ip6}`, []))
    assert.equal(connection.asked.length, 2)
  }
})

const VIA = `${UPLINK}:5060;branch=z9hG4bK-1`
const OFFERED = ['m=audio 6000 RTP/AVP 0', 'm=video 6002 RTP/AVP 31', 'a=rtcp:6010']
const ANSWERED = ['m=audio 7000 RTP/AVP 0', 'm=video 0 RTP/AVP 31']
const from = (port: number, to: string): string => `${HOST_A.ip4}:${port} > ${to}`

test('media may come in once both sides have said where they want it, and again when one of them moves', () => {
  const connection = new Connection({ ip4: ip4Of(UPLINK) | 0, port: CLIENT_PORT })
  const host = `[${HOST_A.ip6}]`
  const say = (media: readonly string[]) => connection.say('up', offer(host, 5060, `IP6 ${HOST_A.ip6}`, media)).paths
  const reply = (address: string, media: readonly string[]) => connection.say('down', answer(VIA, address, media)).paths
  assert.deepEqual(say(OFFERED), [])
  // The stream that is refused has no way in.
  assert.deepEqual(reply(MEDIA, ANSWERED), [from(6000, `${MEDIA}:7000`), from(6001, `${MEDIA}:7001`)])
  // Both move: another offer, another answer.
  assert.deepEqual(say(['m=audio 6100 RTP/SAVP 0', 'm=video 6002 RTP/AVP 31', 'a=rtcp:6010']), [
    from(6100, `${MEDIA}:7000`),
    from(6101, `${MEDIA}:7001`),
  ])
  assert.deepEqual(reply(SERVER, ['m=audio 7100 RTP/AVP 0', 'a=rtcp-mux', 'm=video 7102 RTP/AVP 31', 'a=rtcp:7200']), [
    from(6100, `${SERVER}:7100`),
    from(6002, `${SERVER}:7102`),
    from(6010, `${SERVER}:7200`),
  ])
})

test('no way in to another host, from another host of ours, from the gateway, or on hold', () => {
  for (const [own, other] of [
    [`IP6 ${HOST_B.ip6}`, MEDIA],
    ['IP6 ::', MEDIA],
    [`IP6 ${HOST_A.ip6}`, HOST_B.ip4],
    [`IP6 ${HOST_A.ip6}`, '127.0.0.1'],
    [`IP6 ${HOST_A.ip6}`, '0.0.0.0'],
    [`IP6 ${HOST_A.ip6}`, '224.0.0.5'],
  ] as const) {
    const connection = new Connection({ ip4: ip4Of(UPLINK) | 0, port: CLIENT_PORT })
    connection.say('up', offer(`[${HOST_A.ip6}]`, 5060, own, ['m=audio 6000 RTP/AVP 0']))
    assert.deepEqual(
      connection.say('down', answer(VIA, other, ['m=audio 7000 RTP/AVP 0'])).paths,
      [],
      `${own} ${other}`,
    )
  }
})

test('streams of a description: RFC 8866 §5.7 and §5.14, RFC 3605, RFC 5761', () => {
  const ip = (text: string): number => ip4Of(text) | 0
  const session = 'v=0\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n'
  for (const [media, ends] of [
    ['', []],
    ['m=audio 6000 RTP/AVP 0\r\n', [{ ip4: ip('192.0.2.1'), rtp: 6000, rtcp: 6001 }]],
    ['m=audio 6000/2 RTP/AVP 0\r\nc=IN IP4 192.0.2.9/127\r\n', [{ ip4: ip('192.0.2.9'), rtp: 6000, rtcp: 6001 }]],
    ['m=image 6000 udptl t38\r\n', [{ ip4: ip('192.0.2.1'), rtp: 6000, rtcp: 6001 }]],
    ['m=audio 6000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n', [{ ip4: ip('192.0.2.1'), rtp: 6000, rtcp: undefined }]],
    ['m=audio 6000 RTP/AVP 0\r\na=rtcp:9 IN IP4 192.0.2.1\r\n', [{ ip4: ip('192.0.2.1'), rtp: 6000, rtcp: 9 }]],
    ['m=audio 0 RTP/AVP 0\r\nm=audio 6000 TCP/RTP/AVP 0\r\n', [undefined, undefined]],
    [
      'm=audio 65535 RTP/AVP 0\r\nm=audio x RTP/AVP 0\r\nm=\r\nm=audio 6000\r\n',
      Array.from({ length: 4 }, () => undefined),
    ],
  ] as const)
    assert.deepEqual(mediaEndsIn(session + media), ends, media)
  assert.deepEqual(mediaEndsIn('v=0\r\nc=IN IP6 ::1\r\nm=audio 6000 RTP/AVP 0\r\n'), [undefined])
  assert.equal(mediaEndsIn(session + 'm=audio 6000 RTP/AVP 0\r\n'.repeat(50)).length, 4)
})

test('calls that are remembered are bounded: the one spoken of longest ago is forgotten', () => {
  const paths = new MediaPaths()
  const end = [{ ip4: 1, rtp: 10, rtcp: undefined }]
  for (let call = 0; call <= MAX_CALLS; call++) {
    if (call === MAX_CALLS) paths.note(1, '0', 'local', end)
    paths.note(1, String(call), 'local', end)
  }
  assert.equal(paths.size, MAX_CALLS)
  assert.equal(paths.note(1, '0', 'remote', end).length, 1)
  assert.equal(paths.note(1, '1', 'remote', end).length, 0)
  // The same name with another host is another call.
  assert.equal(paths.note(2, '0', 'remote', end).length, 0)
})
