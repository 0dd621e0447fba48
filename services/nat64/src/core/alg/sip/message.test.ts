import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CoreLab, HOST_A, HOST_B, ip4Of, type LabOptions, prefix4Of } from '../../../testkit/core-lab.ts'
import { toIp4Texts, toIp6Texts } from './literals.ts'
import { toBytes, toText } from '../octet-text.ts'
import { extentOf, swapMessage } from './message.ts'

const WAN = '203.0.113.1'
const OPTIONS: LabOptions = {
  map: {
    forbidden4: [prefix4Of(`${WAN}/32`)],
  },
}
const { map } = new CoreLab(OPTIONS).translator
const origin = { map, pref: 0, local4: ip4Of(HOST_A.ip4) | 0 }
const TO4 = toIp4Texts(origin)
const TO6 = toIp6Texts(origin)

/** Each line of a message of host A to the server, and as the server must get it; lines that stay stand once. */
const LINES: readonly (string | readonly [six: string, four: string])[] = [
  [
    'INVITE sip:bob@[64:ff9b::c000:221]:5060;transport=udp SIP/2.0',
    'INVITE sip:bob@192.0.2.33:5060;transport=udp SIP/2.0',
  ],
  [
    `Via: SIP/2.0/UDP [${HOST_A.ip6}]:5060;branch=z9hG4bK-1;rport`,
    `Via: SIP/2.0/UDP ${HOST_A.ip4}:5060;branch=z9hG4bK-1;rport`,
  ],
  [
    `v : SIP / 2.0 / TCP [${HOST_B.ip6}];maddr=[64:ff9b::c000:221]`,
    `v : SIP / 2.0 / TCP ${HOST_B.ip4};maddr=192.0.2.33`,
  ],
  [`From: "A" <sip:alice@[${HOST_A.ip6}]>;tag=1`, `From: "A" <sip:alice@${HOST_A.ip4}>;tag=1`],
  ['To: <sip:bob@[64:ff9b::c000:221]>', 'To: <sip:bob@192.0.2.33>'],
  [
    `Contact: <sip:[${HOST_A.ip6}]:5060>,\r\n\t<sip:alice@[${HOST_A.ip6}];ob>`,
    `Contact: <sip:${HOST_A.ip4}:5060>,\r\n\t<sip:alice@${HOST_A.ip4};ob>`,
  ],
  [
    'Route: <sip:[64:ff9b::c633:6401];lr>,<sip:proxy.example;lr>',
    'Route: <sip:198.51.100.1;lr>,<sip:proxy.example;lr>',
  ],
  ['Record-Route: <sips:[64:ff9b::c633:6401];lr>', 'Record-Route: <sips:198.51.100.1;lr>'],
  // Nobody's: left alone.
  'Referred-By: <sip:[2001:db8:ffff::1]>',
  'Refer-To: sip:carol@example.com',
  // Opaque, or covered by a hash.
  `Call-ID: 1@[${HOST_A.ip6}]`,
  `Authorization: Digest uri="sip:[64:ff9b::c000:221]"`,
  `Subject: [${HOST_A.ip6}] and 192.0.2.33`,
  'CSeq: 1 INVITE',
  'Max-Forwards: 70',
  'Content-Type: application/sdp',
]
const BODY: typeof LINES = [
  'v=0',
  [`o=alice 1 1 IN IP6 ${HOST_A.ip6}`, `o=alice 1 1 IN IP4 ${HOST_A.ip4}`],
  's=call to 192.0.2.33',
  [`c=IN IP6 ${HOST_A.ip6}`, `c=IN IP4 ${HOST_A.ip4}`],
  't=0 0',
  'm=audio 6000 RTP/AVP 0',
  [`a=rtcp:6001 IN IP6 ${HOST_A.ip6}`, `a=rtcp:6001 IN IP4 ${HOST_A.ip4}`],
  ['c=IN IP6 ::', 'c=IN IP4 0.0.0.0'],
  'c=IN IP6 ff0e::101/3',
  'a=rtpmap:0 PCMU/8000',
  'm=video 0 RTP/AVP 31',
  ['c=IN IP6 64:ff9b::c000:221', 'c=IN IP4 192.0.2.33'],
]

const side = (lines: typeof LINES, index: 0 | 1): string =>
  lines.map((line) => `${typeof line === 'string' ? line : line[index]}\r\n`).join('')
const messageOf = (head: string, body: string): string => `${head}Content-Length: ${body.length}\r\n\r\n${body}`
const SIX = messageOf(side(LINES, 0), side(BODY, 0))
const FOUR = messageOf(side(LINES, 1), side(BODY, 1))

test('RFC 3261, RFC 8866: hosts in the header fields that have them, addresses of the session, Content-Length', () => {
  assert.equal(swapMessage(SIX, TO4), FOUR)
  assert.equal(swapMessage(FOUR, TO6), SIX)
})

test('a response, compact forms, and what a server adds to Via', () => {
  const four = [
    'SIP/2.0 200 OK',
    `v: SIP/2.0/UDP ${HOST_A.ip4}:5060;branch=z9hG4bK-1;received=${WAN};rport=1024`,
    `m: <sip:alice@${WAN}:1024>`,
    `f: sip:192.0.2.33@192.0.2.33;tag=192.0.2.33`,
    'l: 0',
    '',
    '',
  ].join('\r\n')
  const six = [
    'SIP/2.0 200 OK',
    `v: SIP/2.0/UDP [${HOST_A.ip6}]:5060;branch=z9hG4bK-1;received=${HOST_A.ip6};rport=1024`,
    `m: <sip:alice@[${HOST_A.ip6}]:1024>`,
    `f: sip:192.0.2.33@[64:ff9b::c000:221];tag=192.0.2.33`,
    'l: 0',
    '',
    '',
  ].join('\r\n')
  assert.equal(swapMessage(four, TO6), six)
  assert.equal(swapMessage(six, TO4), four.replaceAll(WAN, HOST_A.ip4))
})

test('bodies: a description inside multipart, another type, none', () => {
  const withBody = (type: string, body: string): string =>
    `MESSAGE sip:a SIP/2.0\r\n${type}Content-Length: ${body.length}\r\n\r\n${body}`
  const sdp = `v=0\r\nc=IN IP6 ${HOST_A.ip6}\r\n`
  const swapped = `v=0\r\nc=IN IP4 ${HOST_A.ip4}\r\n`
  const part = (body: string): string => `--x\r\nContent-Type: application/sdp\r\n\r\n${body}--x--`
  for (const [type, body, result] of [
    ['', sdp, swapped],
    ['Content-Type: text/plain\r\n', sdp, sdp],
    ['c: application/sdp\r\n', sdp, swapped],
    ['Content-Type: multipart/mixed;boundary=x\r\n', part(sdp), part(swapped)],
    ['', '', ''],
  ] as const)
    assert.equal(swapMessage(withBody(type, body), TO4), withBody(type, result))
})

test('what is no SIP message stays', () => {
  for (const text of ['', 'GET / HTTP/1.1\r\n\r\n', 'INVITE sip:a SIP/2.0\r\n', 'SIP/2.0 700 x\r\n\r\n', '\r\n\r\n'])
    assert.equal(swapMessage(text, TO4), undefined, JSON.stringify(text))
})

test('nothing throws, and Content-Length is what follows', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '\r\n',
      ':',
      ';',
      '[',
      ']',
      '@',
      'sip:',
      HOST_A.ip6,
      HOST_A.ip4,
      WAN,
      'Via',
      'c=IN IP6 ',
      '\r\n\r\n',
    ),
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll(/[^\0-\xff]/g, '?')),
  )
  const textArb = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(textArb, textArb, fc.boolean(), (head, body, isRequest) => {
      const start = isRequest ? 'INVITE sip:x SIP/2.0\r\n' : 'SIP/2.0 200 OK\r\n'
      const text = `${start}Content-Length: ${body.length}\r\n${head.replaceAll('\r\n\r\n', '\r\n')}\r\n\r\n${body}`
      for (const swap of [TO4, TO6]) {
        const swapped = swapMessage(text, swap)
        const extent = extentOf(swapped ?? text)
        assert.ok(extent !== undefined)
        if (swapped !== undefined) assert.equal(extent.bodyBytes, swapped.length - extent.headBytes)
        assert.equal(swapMessage(head, swap), swapMessage(head, swap))
      }
    }),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => assert.deepEqual(toBytes(toText(bytes)), bytes)),
  )
})
