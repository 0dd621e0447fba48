import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AlgLab, CALM, type Weather } from '../../../testkit/alg-lab.ts'
import { HOST_A, SERVER } from '../../../testkit/core-lab.ts'
import { weatherArb } from '../../../testkit/weather.ts'

const SIP = { settings: { alg: { ftpPorts: [], sipPorts: [5060] } } }
const SERVER_SEEN = '64:ff9b::c000:221'

/** A message with `routes` Route fields and a body of so many octets beside its description. */
const message = (host: string, family: string, address: string, routes: number, more: number): string => {
  const body = `v=0\r\nc=IN ${family} ${address}\r\n${'x'.repeat(more)}`
  return [
    `INVITE sip:bob@${host} SIP/2.0`,
    ...Array.from({ length: routes }, () => `Route: <sip:${host};lr>`),
    'Content-Type: application/sdp',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}
const SIZES = [
  [1, 0],
  [40, 0],
  [0, 3000],
  [60, 2000],
  [2, 9000],
] as const
/** Messages with what keeps a connection alive between them. */
const streamOf = (host: string, family: string, address: string): string =>
  SIZES.map(([routes, more]) => `\r\n\r\n${message(host, family, address, routes, more)}`).join('')

const FROM_HOST6 = streamOf(`[${HOST_A.ip6}]`, 'IP6', HOST_A.ip6)
const FROM_HOST4 = streamOf(HOST_A.ip4, 'IP4', HOST_A.ip4)
const FROM_SERVER4 = streamOf(SERVER, 'IP4', SERVER)
const FROM_SERVER6 = streamOf(`[${SERVER_SEEN}]`, 'IP6', SERVER_SEEN)

/** Both ends say everything at once. */
const exchange = (weather: Weather, nagle: boolean, [up, down]: readonly [string, string]) => {
  const lab = new AlgLab(SIP, 5060, weather, nagle)
  lab.open()
  let hasBegun = false
  return lab.run({
    client: (_, write) => {
      if (!hasBegun) write(up)
    },
    server: (_, write) => {
      if (!hasBegun) write(down)
      hasBegun = true
    },
    isOver: (client, server) => client.length >= FROM_SERVER6.length && server.length >= FROM_HOST4.length,
  })
}

test('messages of all sizes over TCP, several in a segment and one in several', () => {
  const { client, server } = exchange(CALM, false, [FROM_HOST6, FROM_SERVER4])
  assert.equal(server, FROM_HOST4)
  assert.equal(client, FROM_SERVER6)
})

test('however segments are cut, lost, doubled and reordered, both ends get the same messages', () => {
  fc.assert(
    fc.property(weatherArb, fc.boolean(), (weather, nagle) => {
      const { client, server } = exchange(weather, nagle, [FROM_HOST6, FROM_SERVER4])
      assert.equal(server, FROM_HOST4)
      assert.equal(client, FROM_SERVER6)
    }),
    { numRuns: 40 },
  )
})

test('what is not SIP goes through as it is, and at once', () => {
  for (const text of [
    '\x16\x03\x01\x02\x00\x01\x00',
    'GET / HTTP/1.1\r\n\r\n',
    'hello',
    'A'.repeat(5000),
    'a b c d e\r\n',
  ]) {
    const lab = new AlgLab(SIP, 5060, CALM)
    lab.open()
    let hasBegun = false
    const isHeldFor = text === 'hello' ? ' world\x00' : ''
    const { server } = lab.run({
      client: (_, write) => {
        if (!hasBegun) write(text + isHeldFor)
        hasBegun = true
      },
      server: () => undefined,
      isOver: (_, server) => server.length >= text.length + isHeldFor.length,
    })
    assert.equal(server, text + isHeldFor)
  }
})

test('a message that is too long goes through as it is, the next one is translated again', () => {
  const long = message('x', 'IP6', HOST_A.ip6, 0, 70_000)
  const short = message(`[${HOST_A.ip6}]`, 'IP6', HOST_A.ip6, 0, 0)
  const lab = new AlgLab(SIP, 5060, CALM)
  lab.open()
  let hasBegun = false
  const expected = long + message(HOST_A.ip4, 'IP4', HOST_A.ip4, 0, 0)
  const { server } = lab.run({
    client: (_, write) => {
      if (!hasBegun) write(long + short)
      hasBegun = true
    },
    server: () => undefined,
    isOver: (_, server) => server.length >= expected.length,
  })
  assert.equal(server, expected)
})
