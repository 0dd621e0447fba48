import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import fc from 'fast-check'
import { encodeNeighbourSolicitation, neighbourTarget } from './neighbour-wire.ts'

const ip = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
const TARGET = 'fd000001000200030000000000000001'

test('RFC 4861 §4.3: a Neighbor Solicitation', () => {
  assert.deepEqual(
    Buffer.from(encodeNeighbourSolicitation(ip('fd00:1:2:3::1'))),
    Buffer.from(hex(`87 00 0000 00000000 ${TARGET}`)),
  )
})

/** [what, message, hop limit, fragmented, whose address] */
const ROWS: readonly (readonly [string, string, number, boolean, string | undefined])[] = [
  ['solicited', `88 00 abcd e0000000 ${TARGET} 0201 02005e100001`, 255, false, 'fd00:1:2:3::1'],
  ['unsolicited, without an option', `88 00 abcd 20000000 ${TARGET}`, 255, false, 'fd00:1:2:3::1'],
  ['through a router', `88 00 abcd e0000000 ${TARGET}`, 254, false, undefined],
  ['in fragments', `88 00 abcd e0000000 ${TARGET}`, 255, true, undefined],
  ['another code', `88 01 abcd e0000000 ${TARGET}`, 255, false, undefined],
  ['too short', `88 00 abcd e0000000 ${TARGET.slice(2)}`, 255, false, undefined],
  ['of a group', '88 00 abcd e0000000 ff020000000000000000000000000001', 255, false, undefined],
  ['a solicitation', `87 00 abcd 00000000 ${TARGET}`, 255, false, undefined],
]
for (const [what, message, hopLimit, fragmented, expected] of ROWS)
  test(`RFC 4861 §7.1.2: a Neighbor Advertisement, ${what}`, () => {
    const target = neighbourTarget({ message: hex(message), hopLimit, fragmented, source: ip('fe80::1') })
    assert.equal(target && formatIp6(target), expected)
  })

test('never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (message) => {
      neighbourTarget({ message, hopLimit: 255, fragmented: false, source: ip('fe80::1') })
    }),
  )
})
