import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp6, parseIp6 } from '@sixgate/addr'
import fc from 'fast-check'
import { answerTo, checkSolicitation, EXPLAIN_RS, RsVerdict } from './rs-check.ts'

const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
const HOST = 'fe80::5eff:fe00:1'
const SLLA = '01 01 02005e000001'
const RS = '85 00 0000 00000000'

/** RFC 4861 §6.1.1, one row per check; the message, its source and hop limit, the verdict. */
const TABLE: readonly (readonly [string, string, string, number, keyof typeof RsVerdict])[] = [
  ['from a host with its SLLA', `${RS} ${SLLA}`, HOST, 255, 'OK'],
  ['from :: without SLLA', RS, '::', 255, 'OK'],
  ['from a global address', `${RS} ${SLLA}`, '2001:db8::5', 255, 'OK'],
  ['the reserved field is ignored', '85 00 0000 ffffffff', HOST, 255, 'OK'],
  ['an unknown option is skipped', `${RS} fd 01 000000000000 ${SLLA}`, HOST, 255, 'OK'],
  ['an option that RFC 4861 does not define here is skipped', `${RS} 05 02 ${'00'.repeat(14)}`, HOST, 255, 'OK'],
  ['hop limit 254', `${RS} ${SLLA}`, HOST, 254, 'HOP_LIMIT'],
  ['hop limit 0', RS, HOST, 0, 'HOP_LIMIT'],
  ['code 1', '85 01 0000 00000000', HOST, 255, 'BAD_CODE'],
  ['7 octets', '85 00 0000 000000', HOST, 255, 'TOO_SHORT'],
  ['1 octet', '85', HOST, 255, 'TOO_SHORT'],
  ['an option of length zero', `${RS} 01 00 000000000000`, HOST, 255, 'OPTION_LENGTH_ZERO'],
  ['an unknown option of length zero', `${RS} fd 00 000000000000`, HOST, 255, 'OPTION_LENGTH_ZERO'],
  ['an option past the end', `${RS} 01 02 000000000000`, HOST, 255, 'OPTION_OVERRUN'],
  ['a lone octet behind the header', `${RS} 01`, HOST, 255, 'OPTION_OVERRUN'],
  ['SLLA from ::', `${RS} ${SLLA}`, '::', 255, 'SLLA_FROM_UNSPECIFIED'],
  ['SLLA from ::, behind another option', `${RS} fd 01 000000000000 ${SLLA}`, '::', 255, 'SLLA_FROM_UNSPECIFIED'],
  ['from a multicast address', RS, 'ff02::1', 255, 'SOURCE_NOT_ON_LINK'],
  ['a Router Advertisement', '86 00 0000 40 00 0708 00000000 00000000', HOST, 255, 'NOT_A_SOLICITATION'],
  ['nothing', '', HOST, 255, 'NOT_A_SOLICITATION'],
]

for (const [name, hex, source, hopLimit, verdict] of TABLE) {
  test(`RFC 4861 §6.1.1: ${name}: ${verdict}`, () => {
    const received = { message: octets(hex), source: parseIp6(source) ?? assert.fail(), hopLimit, fragmented: false }
    assert.equal(checkSolicitation(received), RsVerdict[verdict])
  })
}

test('RFC 6980 §5: what came in fragments is ignored', () => {
  const source = parseIp6(HOST) ?? assert.fail()
  const received = { message: octets(RS), source, hopLimit: 255, fragmented: true }
  assert.equal(checkSolicitation(received), RsVerdict.FRAGMENTED)
})

test('every verdict has a row above and an explanation', () => {
  assert.deepEqual(new Set([...TABLE.map((row) => row[4]), 'FRAGMENTED']), new Set(Object.keys(RsVerdict)))
  assert.deepEqual(Object.keys(EXPLAIN_RS), Object.keys(RsVerdict))
})

test('random messages get a verdict and never throw', () => {
  const verdicts: readonly number[] = Object.values(RsVerdict)
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.uint8Array({ maxLength: 80 }).map((rest) => Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0, ...rest)),
  )
  fc.assert(
    fc.property(
      message,
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.constantFrom(255, 64),
      (bytes, ip, hops) => {
        assert.ok(
          verdicts.includes(
            checkSolicitation({ message: bytes, source: asIp6(ip), hopLimit: hops, fragmented: false }),
          ),
        )
      },
    ),
    { numRuns: 3000 },
  )
})

test('RFC 4861 §6.2.6: a host that has no address yet cannot be answered alone', () => {
  const host = parseIp6(HOST) ?? assert.fail()
  assert.equal(answerTo(host), host)
  assert.equal(answerTo(parseIp6('::') ?? assert.fail()), undefined)
})
