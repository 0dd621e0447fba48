import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { a, table } from '../testkit/records.ts'
import { encodeQuery, type QuerySpec } from '../testkit/script.ts'
import { readResponse } from '../testkit/reading.ts'
import { CLIENT, VirtualServer } from '../testkit/virtual-server.ts'
import { readMessage } from './message.ts'

const NAME = 'host.example.net'
const make = (): VirtualServer =>
  new VirtualServer({ scripts: table({ [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1')] } }) })

const edited = (spec: Partial<QuerySpec>, edit: (bytes: Buffer) => Buffer | void): Buffer => {
  const bytes = encodeQuery({ name: NAME, type: 'A', ...spec })
  return edit(bytes) ?? bytes
}

const ROWS: { rule: string; packet: Buffer; rcode: number; questions?: number; edns?: boolean }[] = [
  {
    rule: 'RFC 9619: no question',
    packet: edited({}, (b) => {
      b[5] = 0
    }),
    rcode: 1,
    questions: 0,
  },
  {
    rule: 'RFC 9619: two questions',
    packet: edited({}, (b) => Buffer.concat([b.fill(2, 5, 6), b.subarray(12)])),
    rcode: 1,
    questions: 0,
  },
  { rule: 'a name that is cut short', packet: edited({}, (b) => b.subarray(0, 20)), rcode: 1, questions: 0 },
  {
    rule: 'a question with a pointer',
    packet: edited({}, (b) => {
      b[12] = 0xc0
    }),
    rcode: 1,
    questions: 0,
  },
  {
    rule: 'counts that promise more',
    packet: edited({}, (b) => {
      b[11] = 3
    }),
    rcode: 1,
    questions: 0,
  },
  {
    rule: 'RFC 6891 §6.1.1: two OPT records',
    packet: edited({ edns: {} }, (b) => Buffer.concat([b.fill(2, 11, 12), b.subarray(b.length - 11)])),
    rcode: 1,
    questions: 1,
    edns: true,
  },
  {
    rule: 'RFC 8906 §3.1.4: opcode STATUS',
    packet: edited({}, (b) => {
      b[2] = 0x10
    }),
    rcode: 4,
    questions: 0,
  },
  {
    rule: 'RFC 8906 §3.1.4: opcode 15',
    packet: edited({}, (b) => {
      b[2] = 0x78
    }),
    rcode: 4,
    questions: 0,
  },
  {
    rule: 'RFC 2136: UPDATE',
    packet: edited({}, (b) => {
      b[2] = 0x28
    }),
    rcode: 4,
    questions: 0,
  },
  {
    rule: 'RFC 6891 §6.1.3: EDNS version 1 is BADVERS',
    packet: encodeQuery({ name: NAME, type: 'A', edns: { version: 1 } }),
    rcode: 16,
    edns: true,
  },
  { rule: 'AXFR', packet: encodeQuery({ name: NAME, type: 'AXFR' }), rcode: 5 },
  { rule: 'IXFR', packet: encodeQuery({ name: NAME, type: 'IXFR' }), rcode: 5 },
  {
    rule: 'TKEY',
    packet: edited({}, (b) => {
      b.writeUInt16BE(249, b.length - 4)
    }),
    rcode: 4,
  },
  {
    rule: 'OPT as a question',
    packet: edited({}, (b) => {
      b.writeUInt16BE(41, b.length - 4)
    }),
    rcode: 1,
  },
  { rule: 'class NONE', packet: encodeQuery({ name: NAME, type: 'A', class: '254' }), rcode: 5 },
  {
    rule: 'RFC 1034 §4.3.1: without RD nothing is fetched',
    packet: encodeQuery({ name: NAME, type: 'A', recursionDesired: false }),
    rcode: 5,
  },
  {
    rule: 'RFC 8906 §3.1.2: an unknown type is asked like any other',
    packet: edited({}, (b) => {
      b.writeUInt16BE(1000, b.length - 4)
    }),
    rcode: 3,
  },
  {
    rule: 'RFC 8906 §3.1.3: unknown flags are ignored',
    packet: edited({}, (b) => {
      b.writeUInt8((b[3] ?? 0) | 0x40, 3)
    }),
    rcode: 0,
  },
  {
    rule: 'octets behind the message are ignored',
    packet: edited({}, (b) => Buffer.concat([b, Buffer.alloc(9)])),
    rcode: 0,
  },
]
for (const row of ROWS) {
  test(row.rule, async () => {
    const server = make()
    const response = readResponse(await server.askBytes(row.packet))
    assert.equal(response.rcode, row.rcode)
    assert.equal(response.message.questions, row.questions ?? 1)
    assert.equal(response.edns, row.edns ?? false)
    assert.equal(response.id, 0x1234)
    assert.match(response.flags, /^QR( RD)? RA$/)
    // The opcode comes back.
    assert.equal(response.message.flags & 0x7800, ((row.packet[2] ?? 0) << 8) & 0x7800)
    assert.deepEqual(server.defects, [])
  })
}

/** The query with an OPT record made of these octets behind its owner, type and size. */
const withOpt = (...rest: number[]): Buffer =>
  edited({}, (b) => {
    b[11] = 1
    return Buffer.concat([b, Buffer.from([0, 0, 41, 4, 208, ...rest])])
  })

const EDNS: { rule: string; packet: Buffer; rcode: number }[] = [
  { rule: '§3.2.3 an unknown option is ignored', packet: withOpt(0, 0, 0, 0, 0, 6, 0, 100, 0, 2, 1, 2), rcode: 0 },
  { rule: '§3.2.4 unknown EDNS flags are ignored and not sent back', packet: withOpt(0, 0, 0x40, 0, 0, 0), rcode: 0 },
  {
    rule: '§3.2.2 version 100 with an unknown option',
    packet: withOpt(0, 100, 0, 0, 0, 6, 0, 100, 0, 2, 1, 2),
    rcode: 16,
  },
  { rule: '§3.2.2 version 1 with all of these', packet: withOpt(0, 1, 0x40, 0, 0, 6, 0, 100, 0, 2, 1, 2), rcode: 16 },
]
for (const row of EDNS) {
  test(`RFC 8906 ${row.rule}`, async () => {
    const response = readResponse(await make().askBytes(row.packet))
    assert.equal(response.rcode, row.rcode)
    const { opt, bytes } = response.message
    // Version 0, no flag, no option.
    assert.deepEqual([...bytes.subarray((opt?.ttlAt ?? assert.fail()) + 1, opt?.endAt)], [0, 0, 0, 0, 0])
  })
}

test('no reply to a response, nor to less than a header', () => {
  const server = make()
  for (const packet of [
    edited({}, (b) => {
      b[2] = 0x81
    }),
    Buffer.alloc(11),
    Buffer.alloc(0),
  ])
    assert.equal(server.send(packet).reply, undefined)
  assert.equal(server.counters.dropped_total, 3)
})

const SOURCES: [string, boolean][] = [
  [CLIENT, true],
  ['fd00:64::1', true],
  ['fe80::1%lan0', true],
  ['fe80::abcd', true],
  ['::1', true],
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['fd00:65::1', false],
  ['2001:db8::1', false],
  ['192.0.2.1', false],
  ['::ffff:127.0.0.1', false],
  ['10.0.0.1', false],
]
for (const [source, may] of SOURCES) {
  test(`RFC 5358 §4: ${source} ${may ? 'may ask' : 'is refused'}`, async () => {
    const server = make()
    for (let i = 0; i < 2; i++) {
      const response = await server.ask({ name: NAME, type: 'A' }, 'udp', source)
      assert.equal(response.rcode, may ? 0 : 5)
      assert.equal(response.answer.length, may ? 1 : 0)
    }
    assert.equal(server.counters.refused_strangers_total, may ? 0 : 2)
    assert.equal(server.heard.length, may ? 1 : 0)
  })
}

test('a refusal to a stranger is not larger than the query: nothing to gain by a forged source', () => {
  const packet = encodeQuery({ name: NAME, type: 'A' })
  assert.equal(make().send(packet, 'udp', '192.0.2.1').reply?.length, packet.length)
})

test('property: any packet gets a well-formed reply or none, and the process lives on', async () => {
  const server = make()
  const seed = encodeQuery({ name: NAME, type: 'A', edns: {} })
  const packet = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.array(fc.record({ at: fc.nat(60), to: fc.nat(255) }), { minLength: 1, maxLength: 4 }).map((changes) => {
      const bytes = Uint8Array.from(seed)
      for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to
      return bytes
    }),
  )
  await fc.assert(
    fc.asyncProperty(packet, async (bytes) => {
      const box = server.send(bytes)
      await server.advance(0)
      if (box.reply === undefined) return
      const message = readMessage(box.reply)
      assert.equal(message.id, ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0))
      assert.ok(box.reply.length <= 1232)
    }),
    { numRuns: 3000 },
  )
  assert.deepEqual(server.defects, [])
})

test('counters tell what happened', async () => {
  const server = make()
  await server.ask({ name: NAME, type: 'A' })
  await server.ask({ name: NAME, type: 'A' }, 'tcp')
  await server.ask({ name: NAME, type: 'AAAA' })
  const {
    queries_total,
    queries_tcp_total,
    cache_hits_total,
    cache_misses_total,
    responses_noerror_total,
    responses_nxdomain_total,
  } = server.counters
  assert.deepEqual(
    {
      queries_total,
      queries_tcp_total,
      cache_hits_total,
      cache_misses_total,
      responses_noerror_total,
      responses_nxdomain_total,
    },
    {
      queries_total: 3,
      queries_tcp_total: 1,
      cache_hits_total: 1,
      cache_misses_total: 2,
      responses_noerror_total: 2,
      responses_nxdomain_total: 1,
    },
  )
})
