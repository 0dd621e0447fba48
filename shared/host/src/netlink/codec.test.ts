import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp4, asIp6, prefix4Of, prefix6Of } from '@sixgate/addr'
import fc from 'fast-check'
import { type AddressSpec, addAddressRequest, decodeAddress } from './address-codec.ts'
import {
  align4,
  attribute,
  concat,
  decodeAttributes,
  nested,
  readBytes,
  readText,
  readU8,
  readU16,
  readU32,
} from './attributes.ts'
import { NLA, NLM_F, NLMSG, NLMSGHDR } from './constants.ts'
import { NetlinkError } from './error.ts'
import { dumpIntact, Exchange } from './exchange.ts'
import { decodeLink } from './link-codec.ts'
import { acknowledged, decodeMessages, decodeRefusal, encodeMessage } from './message.ts'
import { addRouteRequest, decodeRoute, type RouteSpec } from './route-codec.ts'

const octets = (lenBytes: number) => fc.uint8Array({ minLength: lenBytes, maxLength: lenBytes })
const ip4 = fc.nat(0xffffffff).map(asIp4)
const ip6 = octets(16).map(asIp6)
const ifindex = fc.integer({ min: 1, max: 0x7fffffff })
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

test('attributes: decode ∘ encode = identity, for every type number and payload', () => {
  const some = fc.uniqueArray(fc.tuple(fc.nat(NLA.TYPE_MASK_U16), fc.uint8Array({ maxLength: 70 })), {
    selector: ([type]) => type,
  })
  fc.assert(
    fc.property(some, fc.boolean(), (list, flag) => {
      const bytes = nested(
        1,
        list.map(([type, payload]) => attribute(type, payload)),
        flag,
      )
      assert.equal(bytes.length % 4, 0)
      const inner = decodeAttributes(viewOf(bytes)).get(1) ?? assert.fail()
      const found = [...decodeAttributes(inner)].map(([type, payload]) => [type, readBytes(payload)])
      assert.deepEqual(found, list)
    }),
  )
})

test('messages: decode ∘ encode = identity, several in one datagram', () => {
  const one = fc
    .record({ type: fc.nat(0xffff), flags: fc.nat(0xffff), body: fc.uint8Array({ maxLength: 50 }) })
    .map((request) => ({ ...request }))
  fc.assert(
    fc.property(fc.array(fc.tuple(one, fc.nat(0xffffffff)), { maxLength: 5 }), (list) => {
      const datagram = concat(list.map(([request, seq]) => encodeMessage(request, seq)))
      const found = decodeMessages(viewOf(datagram)).map(({ type, flags, seq, body }) => [
        { type, flags, body: readBytes(body) },
        seq,
      ])
      assert.deepEqual(found, list)
    }),
  )
})

test('addresses: what is asked for is what an answer of the same form says', () => {
  const spec: fc.Arbitrary<AddressSpec> = fc.oneof(
    fc.record({ ip: ip4, lenBits: fc.nat(32), ifindex, noPrefixRoute: fc.boolean() }),
    fc.record({ ip: ip6, lenBits: fc.nat(128), ifindex, noDad: fc.boolean(), noPrefixRoute: fc.boolean() }),
  )
  fc.assert(
    fc.property(spec, (asked) => {
      const found = decodeAddress(viewOf(addAddressRequest(asked).body)) ?? assert.fail()
      assert.deepEqual([found.ip, found.lenBits, found.ifindex], [asked.ip, asked.lenBits, asked.ifindex])
      assert.equal(found.family, typeof asked.ip === 'number' ? 4 : 6)
    }),
  )
})

test('routes: what is asked for is what an answer of the same form says', () => {
  const rest = { ifindex, metric: fc.nat(0xffffffff), table: fc.integer({ min: 1, max: 0xffffffff }) }
  const spec: fc.Arbitrary<RouteSpec> = fc.oneof(
    fc.record(
      { ...rest, dst: fc.tuple(ip4, fc.nat(32)).map(([ip, len]) => prefix4Of(ip, len)), gateway: ip4 },
      { requiredKeys: ['dst', 'ifindex', 'metric', 'table'] },
    ),
    fc.record(
      { ...rest, dst: fc.tuple(ip6, fc.nat(128)).map(([ip, len]) => prefix6Of(ip, len)), gateway: ip6 },
      { requiredKeys: ['dst', 'ifindex', 'metric', 'table'] },
    ),
  )
  fc.assert(
    fc.property(spec, (asked) => {
      const found = decodeRoute(viewOf(addRouteRequest(asked).body)) ?? assert.fail()
      assert.deepEqual([found.dst, found.metric, found.table], [asked.dst, asked.metric, asked.table])
      assert.deepEqual(
        found.nextHops.map((hop) => [hop.ifindex, hop.gateway]),
        [[asked.ifindex, asked.gateway]],
      )
    }),
  )
})

const readers: Readonly<Record<string, (view: DataView) => unknown>> = {
  decodeMessages,
  decodeAttributes,
  decodeLink,
  decodeAddress,
  decodeRoute,
  'Exchange.feed': (view) => new Exchange(0, 'fuzz').feed(view),
  refusals: (view) => decodeMessages(view).map(decodeRefusal),
  numbers: (view) => [readU8(view), readU16(view), readU32(view), readText(view), readBytes(view)],
}

/** Random octets rarely get past the first length: these look like messages whose lengths, types and flags are odd. */
const nearlyMessage = fc
  .record({
    length: fc.oneof(fc.nat(80), fc.nat(0xffffffff)),
    type: fc.oneof(fc.constantFrom(...Object.values(NLMSG), 16, 20, 24), fc.nat(0xffff)),
    flags: fc.nat(0xffff),
    rest: fc.uint8Array({ maxLength: 120 }),
  })
  .map(({ length, type, flags, rest }) => {
    const bytes = new Uint8Array(NLMSGHDR.SIZE + rest.length)
    const view = viewOf(bytes)
    view.setUint32(NLMSGHDR.LEN_U32, length, true)
    view.setUint16(NLMSGHDR.TYPE_U16, type, true)
    view.setUint16(NLMSGHDR.FLAGS_U16, flags, true)
    bytes.set(rest, NLMSGHDR.SIZE)
    return bytes
  })

/** Bodies whose family octet is one that the codecs read, followed by attributes with small lengths. */
const nearlyBody = fc
  .tuple(
    fc.constantFrom(0, 2, 10),
    octets(15),
    fc.array(fc.tuple(fc.nat(24), fc.nat(32), fc.uint8Array({ maxLength: 24 })), { maxLength: 5 }),
  )
  .map(([family, fixed, attributes]) =>
    concat([
      Uint8Array.of(family, ...fixed),
      ...attributes.map(([length, type, payload]) => Uint8Array.of(length, 0, type, 0, ...payload)),
    ]),
  )

for (const [name, read] of Object.entries(readers))
  test(`fuzz: ${name} returns or throws a NetlinkError, for whatever octets`, () => {
    const check = (bytes: Uint8Array): void => {
      try {
        read(viewOf(bytes))
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error
        assert.equal(error.code === 'malformed' || error.code.startsWith('E'), true)
      }
    }
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), nearlyMessage, nearlyBody)
    fc.assert(fc.property(bytes, check), { numRuns: 3000 })
  })

test('lengths that could make a reader loop or look backwards', () => {
  const zeroAttribute = new DataView(new ArrayBuffer(8))
  assert.throws(() => decodeAttributes(zeroAttribute), /attribute length 0 at 0, the least is 4/)
  const zeroMessage = new DataView(new ArrayBuffer(32))
  assert.throws(() => decodeMessages(zeroMessage), /message length 0 at 0, the least is 16/)
  zeroMessage.setUint32(0, 0xffffffff, true)
  assert.throws(() => decodeMessages(zeroMessage), NetlinkError)
  assert.deepEqual([0, 1, 4, 5].map(align4), [0, 4, 4, 8])
})

const done = (seq: number, flags: number = NLM_F.MULTI) =>
  encodeMessage({ type: NLMSG.DONE, flags, body: new Uint8Array(4) }, seq)
const row = (seq: number, flags: number = NLM_F.MULTI) =>
  encodeMessage({ type: 16, flags, body: new Uint8Array(4) }, seq)

test('an exchange takes its own answers only, over several datagrams', () => {
  const exchange = new Exchange(7, 'test')
  assert.equal(exchange.feed(viewOf(concat([row(6), done(6), row(7)]))), false)
  assert.equal(exchange.feed(viewOf(concat([row(7), done(7), row(8)]))), true)
  assert.equal(exchange.messages.length, 2)
  assert.equal(exchange.intact, true)
})

test('a dump that was interrupted starts again, at most ten times', () => {
  const dumps = [NLM_F.DUMP_INTR, NLM_F.DUMP_INTR, 0].map((interrupted, index) => {
    const exchange = new Exchange(1, 'test')
    // The kernel may mark any part, also only the end.
    const part = index === 0 ? concat([row(1, interrupted), done(1)]) : concat([row(1), row(1), done(1, interrupted)])
    exchange.feed(viewOf(part))
    return exchange
  })
  let turns = 0
  const next = (): Exchange => dumps[turns++] ?? assert.fail('dumped again')
  assert.equal(dumpIntact(next, 'test').length, 2)
  assert.equal(turns, 3)

  turns = 0
  const never = (): Exchange => {
    turns++
    return dumps[0] ?? assert.fail()
  }
  assert.throws(() => dumpIntact(never, 'list links'), {
    code: 'interrupted',
    message: /^list links: the table changed/,
  })
  assert.equal(turns, 10)
})

test('a refused dump ends with an error in NLMSG_DONE', () => {
  const body = new Uint8Array(4)
  viewOf(body).setInt32(0, -19, true)
  const refused = encodeMessage({ type: NLMSG.DONE, flags: NLM_F.MULTI, body }, 1)
  assert.throws(() => new Exchange(1, 'list').feed(viewOf(refused)), {
    code: 'ENODEV',
    message: 'list: No such device (ENODEV)',
  })
})

test('an error number that nothing names', () => {
  const body = new Uint8Array(4)
  viewOf(body).setInt32(0, -0x80000000, true)
  const refused = encodeMessage({ type: NLMSG.ERROR, flags: NLM_F.CAPPED, body }, 1)
  assert.throws(() => new Exchange(1, 'list').feed(viewOf(refused)), { name: 'NetlinkError', code: 'E2147483648' })
})

test('requests ask for an acknowledgement', () => {
  assert.equal(acknowledged({ type: 16, flags: NLM_F.CREATE, body: new Uint8Array(0) }).flags, 0x405)
})
