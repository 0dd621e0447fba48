import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ASKS_108, CLIENT, DISCOVER, frame, hex } from '../testkit/dhcp4-frame.ts'
import { encodeOffer, nextOffer, OFFERS_PER_SECOND, readDiscover } from './dhcp4.ts'

const GATEWAY = hex('02005e000064')

describe('which frames are answered', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['a DISCOVER that asks for 108', frame(`${DISCOVER} ${ASKS_108} ff`), 'answered'],
    ['one without an end option', frame(`${DISCOVER} ${ASKS_108}`), 'answered'],
    ['padding between options', frame(`00 ${DISCOVER} 00 00 ${ASKS_108} ff`), 'answered'],
    ['the list in two parts (RFC 3396)', frame(`${DISCOVER} 37 01 01 37 01 6c ff`), 'answered'],
    ['RFC 8925 §3.3: one that does not ask for it', frame(`${DISCOVER} 37 02 01 03 ff`), 'not_asked_for'],
    ['one without a list', frame(`${DISCOVER} ff`), 'not_asked_for'],
    ['108 as a value of another option', frame(`${DISCOVER} 0c 01 6c ff`), 'not_asked_for'],
    ['RFC 2131 §4.3.2: a REQUEST', frame(`35 01 03 ${ASKS_108} ff`), 'not_discover'],
    ['no message type', frame(`${ASKS_108} ff`), 'not_discover'],
    ['through a relay', frame(`${DISCOVER} ${ASKS_108} ff`, '01 01 06 01', 'c0000201'), 'relayed'],
    ['a reply', frame(`${DISCOVER} ${ASKS_108} ff`, '02 01 06 00'), 'malformed'],
    ['no Ethernet host', frame(`${DISCOVER} ${ASKS_108} ff`, '01 20 14 00'), 'malformed'],
    ['an option past the end', frame(`${DISCOVER} 37 40 6c`), 'malformed'],
    ['an option without a length', frame(`${DISCOVER} 37`), 'malformed'],
    ['a short message', frame('').subarray(0, 200), 'malformed'],
    ['IPv6', Uint8Array.from(frame(`${DISCOVER} ff`)).fill(0x86, 12, 13), 'not_dhcp'],
    ['TCP', Uint8Array.from(frame(`${DISCOVER} ff`)).fill(6, 23, 24), 'not_dhcp'],
    ['a fragment', Uint8Array.from(frame(`${DISCOVER} ff`)).fill(0x20, 20, 21), 'not_dhcp'],
    ['another port', Uint8Array.from(frame(`${DISCOVER} ff`)).fill(53, 37, 38), 'not_dhcp'],
    ['an IPv4 header of 16 octets', Uint8Array.from(frame(`${DISCOVER} ff`)).fill(0x44, 14, 15), 'not_dhcp'],
    ['nothing', new Uint8Array(0), 'not_dhcp'],
  ]
  for (const [name, octets, expected] of cases)
    it(name, () => {
      const read = readDiscover(octets)
      assert.equal(typeof read === 'string' ? read : 'answered', expected)
    })

  it('random frames, and good ones with octets changed or cut, never throw', () => {
    const good = frame(`${DISCOVER} ${ASKS_108} ff`)
    const changed = fc
      .tuple(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }), fc.nat(good.length))
      .map(([changes, length]) => {
        const octets = Uint8Array.from(good)
        for (const [at, value] of changes) octets[at] = value
        return octets.subarray(0, length)
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), changed), (octets) => {
        const read = readDiscover(octets)
        if (typeof read !== 'string') encodeOffer(read, GATEWAY, 1800)
      }),
      { numRuns: 20_000 },
    )
  })
})

it('the whole offer, written by hand from RFC 2131, 2132 and 8925', () => {
  const discover = readDiscover(frame(`${DISCOVER} ${ASKS_108} ff`))
  assert.ok(typeof discover !== 'string')
  assert.deepEqual(discover.mac, CLIENT)
  assert.equal(
    Buffer.from(encodeOffer(discover, GATEWAY, 1800)).toString('hex'),
    Buffer.from(
      hex(`(ethernet) ffffffffffff 02005e000064 0800
        (ip, 290 octets, checksum) 4500 0122 0000 0000 40 11 b9c3 c0000008 ffffffff
        (udp) 0043 0044 010e 0000
        (bootp) 02 01 06 00 12345678 0000 8000 00000000 00000000 00000000 00000000 02005e000001 ${'00'.repeat(202)}
        (cookie) 63825363 (OFFER) 35 01 02 (server) 36 04 c0000008 (lease) 33 04 00000708 (108) 6c 04 00000708 ff`),
    ).toString('hex'),
  )
})

it('a flood gets a bounded number of answers', () => {
  let rate = { sinceMs: 0, sent: 0 }
  let sent = 0
  for (let nowMs = 0; nowMs < 3000; nowMs++) {
    const next = nextOffer(rate, nowMs)
    if (next !== undefined) sent += 1
    rate = next ?? rate
  }
  assert.equal(sent, 3 * OFFERS_PER_SECOND)
})
