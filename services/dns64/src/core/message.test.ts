import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as dnsPacket from 'dns-packet'
import fc from 'fast-check'
import { a, aaaa, cname, soa } from '../testkit/records.ts'
import { encodeQuery, encodeResponse, type ScriptAnswer, type ScriptRecord } from '../testkit/script.ts'
import { answerOfMessage, Origin, rewritten } from './answer.ts'
import { negativeTtlS, ownerKey, readMessage, targetKey } from './message.ts'
import { textOfKey } from './name.ts'
import { isResponseTo } from './upstream-query.ts'
import { DnsWireError, type DnsWireErrorCode } from './wire.ts'

const query = encodeQuery({ name: 'www.example.net', type: 'A', edns: {} })
const response = (answer: ScriptAnswer): Buffer => encodeResponse(query, answer)

const codeOf = (bytes: Uint8Array): DnsWireErrorCode | 'none' => {
  try {
    readMessage(bytes)
  } catch (error) {
    if (error instanceof DnsWireError) return error.code
    throw error
  }
  return 'none'
}

/** Header with counts (question, answer, authority, additional), then octets. */
const raw = (counts: [number, number, number, number], ...octets: number[]): Uint8Array =>
  Uint8Array.from([0, 1, 0x81, 0x80, ...counts.flatMap((n) => [n >> 8, n & 255]), ...octets])

const QUESTION = [1, 0x61, 0, 0, 1, 0, 1]
const record = (type: number, ...rdata: number[]): number[] => [
  0xc0,
  12,
  0,
  type,
  0,
  1,
  0,
  0,
  0,
  60,
  0,
  rdata.length,
  ...rdata,
]

test('a message of another implementation is read record by record', () => {
  const message = readMessage(
    response({
      answers: [cname('www.example.net', 'web.example.net', 30), a('web.example.net', '192.0.2.7', 60)],
      authorities: [soa('example.net', 700, 400)],
      additionals: [aaaa('ns.example.net', '2001:db8::1')],
      rcode: 3,
    }),
  )
  assert.equal(textOfKey(message.qnameKey), 'www.example.net.')
  assert.equal(message.rcode, 3)
  assert.deepEqual(
    message.records.map((r) => [r.section, r.type, r.ttlS, textOfKey(ownerKey(message, r))]),
    [
      [0, 5, 30, 'www.example.net.'],
      [0, 1, 60, 'web.example.net.'],
      [1, 6, 700, 'example.net.'],
      [2, 28, 300, 'ns.example.net.'],
    ],
  )
  assert.equal(textOfKey(targetKey(message, message.records[0] ?? assert.fail())), 'web.example.net.')
  assert.equal(message.opt?.type, 41)
  assert.equal(negativeTtlS(message), 400)
})

test('the extended RCODE is put together (RFC 6891 §6.1.3)', () => {
  assert.equal(readMessage(response({ rcode: 23 })).rcode, 23)
})

test('RFC 2181 §8: a TTL with the topmost bit counts as zero', () => {
  const bytes = raw([1, 1, 0, 0], ...QUESTION, 0xc0, 12, 0, 1, 0, 1, 0x80, 0, 0, 60, 0, 4, 1, 2, 3, 4)
  assert.equal(readMessage(bytes).records[0]?.ttlS, 0)
})

test('what is no message', () => {
  const rows: [string, Uint8Array, DnsWireErrorCode][] = [
    ['11 octets', new Uint8Array(11), 'cut-short'],
    ['counts beyond the bytes', raw([1, 0xffff, 0, 0], ...QUESTION), 'count'],
    ['question cut short', raw([1, 0, 0, 0], 3, 0x61, 0x62, 0x63, 0), 'cut-short'],
    ['A of 5 octets', raw([1, 1, 0, 0], ...QUESTION, ...record(1, 1, 2, 3, 4, 5)), 'rdata'],
    // dns-packet gives undefined octets here.
    ['A of 2 octets', raw([1, 1, 0, 0], ...QUESTION, ...record(1, 1, 2)), 'rdata'],
    ['AAAA of 4 octets', raw([1, 1, 0, 0], ...QUESTION, ...record(28, 1, 2, 3, 4)), 'rdata'],
    ['CNAME with octets behind its name', raw([1, 1, 0, 0], ...QUESTION, ...record(5, 0xc0, 12, 9)), 'rdata'],
    ['empty CNAME', raw([1, 1, 0, 0], ...QUESTION, ...record(5)), 'rdata'],
    ['CNAME whose name leaves its RDATA', raw([1, 1, 0, 0], ...QUESTION, ...record(5, 1), 0x61, 0), 'cut-short'],
    ['CNAME that points forwards', raw([1, 1, 0, 0], ...QUESTION, ...record(5, 0xc0, 0x40)), 'pointer'],
    ['SOA without its numbers', raw([1, 0, 1, 0], ...QUESTION, ...record(6, 0, 0, 1, 2, 3)), 'rdata'],
    [
      'NAPTR whose strings leave its RDATA',
      raw([1, 1, 0, 0], ...QUESTION, ...record(35, 0, 1, 0, 1, 0x30, 0x61)),
      'rdata',
    ],
    ['RDATA beyond the end', raw([1, 1, 0, 0], ...QUESTION, 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 9, 1), 'cut-short'],
    [
      'two OPT records',
      raw([1, 0, 0, 2], ...QUESTION, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0),
      'rdata',
    ],
    ['OPT as an answer', raw([1, 1, 0, 0], ...QUESTION, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0), 'rdata'],
  ]
  for (const [why, bytes, code] of rows) assert.equal(codeOf(bytes), code, why)
})

const readAll = (bytes: Uint8Array): void => {
  try {
    const message = readMessage(bytes)
    isResponseTo(query, bytes)
    // What was found good can also be turned into an answer, copied and read again.
    if (message.questions === 1) answerOfMessage(message, { origin: Origin.UPSTREAM })
  } catch (error) {
    if (!(error instanceof DnsWireError)) throw error
  }
}

test('property: random bytes are read or refused with DnsWireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => readAll(bytes)),
    { numRuns: 5000 },
  )
})

const RECORDS: ScriptRecord[] = [
  { type: 'MX', name: 'www.example.net', ttl: 5, data: { preference: 10, exchange: 'mx.example.net' } },
  {
    type: 'SRV',
    name: 'www.example.net',
    ttl: 5,
    data: { priority: 1, weight: 2, port: 53, target: 'srv.example.net' },
  },
  {
    type: 'NAPTR',
    name: 'www.example.net',
    ttl: 5,
    data: { order: 1, preference: 2, flags: 'S', services: 'SIP+D2U', regexp: '', replacement: 'x.example.net' },
  },
  { type: 'TXT', name: 'www.example.net', ttl: 5, data: 'text' },
]

/** Answers with most of what a message can hold. */
const SEEDS: Buffer[] = [
  response({
    answers: [cname('www.example.net', 'a.example.net'), a('a.example.net', '192.0.2.1')],
    authorities: [soa('example.net')],
  }),
  response({ answers: RECORDS }),
  // Compressed by hand: dns-packet does not.
  Buffer.from(
    raw(
      [1, 2, 1, 0],
      3,
      0x77,
      0x77,
      0x77,
      1,
      0x61,
      0,
      0,
      1,
      0,
      1,
      ...record(5, 0xc0, 16),
      ...record(1, 1, 2, 3, 4),
      ...record(6, 0xc0, 16, 0xc0, 12, ...Array.from({ length: 20 }, () => 1)),
    ),
  ),
]

test('property: mutated answers are read or refused with DnsWireError', () => {
  const mutation = fc.record({
    at: fc.nat(400),
    to: fc.oneof(fc.nat(255), fc.constantFrom(0, 0xc0, 0xff, 12, 63)),
    cut: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.constantFrom(...SEEDS), fc.array(mutation, { minLength: 1, maxLength: 6 }), (seed, mutations) => {
      let bytes = Uint8Array.from(seed)
      for (const { at, to, cut } of mutations) {
        if (cut && at > 12) bytes = bytes.slice(0, at)
        else if (at < bytes.length) bytes[at] = to
      }
      readAll(bytes)
    }),
    { numRuns: 10_000 },
  )
})

test('the worst message costs bounded work: 64 KiB of records whose names are chains of pointers', () => {
  // One-octet labels, each followed by a pointer to the one before: the last chain has 127 jumps.
  const chain: number[] = [1, 0x61, 0]
  for (let i = 1; i < 126; i++)
    chain.push(
      1,
      0x61,
      0xc0 | ((12 + 7 + 11 + (i === 1 ? 0 : 3 + (i - 2) * 4)) >> 8),
      (12 + 7 + 11 + (i === 1 ? 0 : 3 + (i - 2) * 4)) & 255,
    )
  const holder = [0, 0, 16, 0, 1, 0, 0, 0, 60, chain.length >> 8, chain.length & 255]
  const head = [...QUESTION, ...holder, ...chain]
  const lastAt = 12 + head.length - 4
  const count = Math.floor((65535 - 12 - head.length) / 12)
  const bytes = new Uint8Array(12 + head.length + count * 12)
  bytes.set(raw([1, count + 1, 0, 0], ...head))
  for (let i = 0; i < count; i++)
    bytes.set([0xc0 | (lastAt >> 8), lastAt & 255, 0, 99, 0, 1, 0, 0, 0, 60, 0, 0], 12 + head.length + i * 12)
  const startedMs = performance.now()
  const message = readMessage(bytes)
  const tookMs = performance.now() - startedMs
  assert.equal(message.records.length, count + 1)
  assert.equal(ownerKey(message, message.records.at(-1) ?? assert.fail()).length, 253)
  // About 5400 records of 126 jumps each: tens of milliseconds; quadratic work would take minutes.
  assert.ok(tookMs < 2000, `${tookMs} ms`)
})

test('dns-packet reads what we write anew', () => {
  const any = encodeQuery({ name: 'www.example.net', type: 'ANY' })
  const message = readMessage(
    encodeResponse(any, { answers: RECORDS, additionals: [a('mx.example.net', '192.0.2.9')] }),
  )
  const { bytes } = rewritten(message, { origin: Origin.UPSTREAM }, () => true)
  const sent = dnsPacket.decode(Buffer.from(bytes))
  const came = dnsPacket.decode(Buffer.from(message.bytes))
  assert.deepEqual(sent.answers, came.answers)
  assert.deepEqual(sent.additionals, came.additionals)
  assert.ok(bytes.length < message.bytes.length, 'names are compressed')
})
