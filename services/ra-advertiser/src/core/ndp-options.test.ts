import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp6, type Ip6, type Prefix6, parseIp6, parsePrefix6, prefix6Of } from '@sixgate/addr'
import fc from 'fast-check'
import { NdpError } from './ndp-error.ts'
import { decodeOption, encodeOption, type NdpOption, sliceOptions } from './ndp-options.ts'

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const prefix6 = (text: string): Prefix6 => parsePrefix6(text) ?? assert.fail(text)
/** Hex with spaces, and comments in parentheses that say what the octets are. */
const octets = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(/\([^)]*\)/g, '').replaceAll(/\s/g, ''), 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const decodeOne = (bytes: Uint8Array): NdpOption => {
  const [slice, ...more] = sliceOptions(bytes)
  assert.equal(more.length, 0)
  return decodeOption(slice ?? assert.fail('no option'))
}

const PIO_LA: NdpOption = {
  kind: 'pio',
  prefix: prefix6('2001:db8:1:2::/64'),
  onLink: true,
  autonomous: true,
  routerAddress: undefined,
  preferDelegation: false,
  validLifetimeS: 86_400,
  preferredLifetimeS: 14_400,
}

/** Octets written down by hand from the drawings in the RFCs, never by the encoder. */
const GOLDEN: readonly (readonly [name: string, option: NdpOption, hex: string])[] = [
  [
    'RFC 4861 §4.6.1: SLLA of Ethernet',
    { kind: 'slla', address: Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1) },
    '01 01 02005e100001',
  ],
  [
    'RFC 4861 §4.6.2: PIO with L and A',
    PIO_LA,
    '03 04 40 c0 (valid) 00015180 (preferred) 00003840 (reserved) 00000000 20010db8000100020000000000000000',
  ],
  [
    'RFC 4861 §4.6.2: PIO without flags, lifetimes for ever',
    { ...PIO_LA, onLink: false, autonomous: false, validLifetimeS: 0xffffffff, preferredLifetimeS: 0xffffffff },
    '03 04 40 00 ffffffff ffffffff 00000000 20010db8000100020000000000000000',
  ],
  [
    'RFC 6275 §7.2: PIO with R holds the whole address of the router',
    { ...PIO_LA, routerAddress: ip6('2001:db8:1:2::1') },
    '03 04 40 e0 00015180 00003840 00000000 20010db8000100020000000000000001',
  ],
  [
    'RFC 9762: PIO with P',
    { ...PIO_LA, preferDelegation: true },
    '03 04 40 d0 00015180 00003840 00000000 20010db8000100020000000000000000',
  ],
  ['RFC 4861 §4.6.4: MTU 1500', { kind: 'mtu', mtuBytes: 1500 }, '05 01 0000 000005dc'],
  [
    'RFC 4191 §2.3: RIO of the default route needs no prefix octets',
    { kind: 'rio', prefix: prefix6('::/0'), preference: 'medium', lifetimeS: 1800 },
    '18 01 00 00 00000708',
  ],
  [
    'RFC 4191 §2.3: RIO of a /48, high, has 8 prefix octets',
    { kind: 'rio', prefix: prefix6('2001:db8:1::/48'), preference: 'high', lifetimeS: 0xffffffff },
    '18 02 30 08 ffffffff 20010db800010000',
  ],
  [
    'RFC 4191 §2.3: RIO of a /96, low, has 16 prefix octets',
    { kind: 'rio', prefix: prefix6('64:ff9b::/96'), preference: 'low', lifetimeS: 600 },
    '18 03 60 18 00000258 0064ff9b000000000000000000000000',
  ],
  [
    'RFC 8106 §5.1: RDNSS with one server',
    { kind: 'rdnss', lifetimeS: 1800, servers: [ip6('fd00::1')] },
    '19 03 0000 00000708 fd000000000000000000000000000001',
  ],
  [
    'RFC 8106 §5.1: RDNSS with two servers, withdrawn',
    { kind: 'rdnss', lifetimeS: 0, servers: [ip6('fd00::1'), ip6('fe80::2')] },
    '19 05 0000 00000000 fd000000000000000000000000000001 fe800000000000000000000000000002',
  ],
  [
    'RFC 8106 §5.2: DNSSL with two names, padded',
    { kind: 'dnssl', lifetimeS: 1800, names: ['lan.example', 'xy'] },
    '1f 04 0000 00000708 03 6c616e 07 6578616d706c65 00 (second) 02 7879 00 (padding) 00000000000000',
  ],
  [
    'RFC 8106 §5.2: DNSSL that needs no padding',
    { kind: 'dnssl', lifetimeS: 60, names: ['abcdef'] },
    '1f 02 0000 0000003c 06 616263646566 00',
  ],
  [
    'RFC 8910 §2.3: captive portal, padded with NUL',
    { kind: 'captive-portal', uri: 'https://a.example/' },
    '25 03 68747470733a2f2f 612e6578616d706c65 2f (padding) 00000000',
  ],
  [
    'RFC 9463 §6.1: encrypted DNS with an address and alpn=dot',
    {
      kind: 'dnr',
      priority: 1,
      lifetimeS: 1800,
      name: 'dns.example',
      addresses: [ip6('fd00::1')],
      svcParams: Uint8Array.of(0, 1, 0, 4, 3, 0x64, 0x6f, 0x74),
    },
    `90 07 0001 00000708 000d 03646e73076578616d706c6500 0010 fd000000000000000000000000000001
     0008 0001000403646f74 (padding) 0000000000`,
  ],
  [
    'RFC 9463 §6.1: encrypted DNS by name only',
    { kind: 'dnr', priority: 2, lifetimeS: 0, name: 'a.b', addresses: [], svcParams: new Uint8Array(0) },
    '90 02 0002 00000000 0005 0161016200 (padding) 00',
  ],
  [
    'RFC 8781 §4: PREF64 of the well-known prefix, 1800 s = 225 × 8',
    { kind: 'pref64', prefix: prefix6('64:ff9b::/96'), lifetimeS: 1800 },
    '26 02 0708 0064ff9b0000000000000000',
  ],
  [
    'RFC 8781 §4: PREF64 /64, longest lifetime',
    { kind: 'pref64', prefix: prefix6('2001:db8:122:344::/64'), lifetimeS: 65_528 },
    '26 02 fff9 20010db80122034400000000',
  ],
  [
    'RFC 8781 §4: PREF64 /56',
    { kind: 'pref64', prefix: prefix6('2001:db8:122:300::/56'), lifetimeS: 8 },
    '26 02 000a 20010db80122030000000000',
  ],
  [
    'RFC 8781 §4: PREF64 /48',
    { kind: 'pref64', prefix: prefix6('2001:db8:122::/48'), lifetimeS: 8 },
    '26 02 000b 20010db80122000000000000',
  ],
  [
    'RFC 8781 §4: PREF64 /40',
    { kind: 'pref64', prefix: prefix6('2001:db8:100::/40'), lifetimeS: 8 },
    '26 02 000c 20010db80100000000000000',
  ],
  [
    'RFC 8781 §4: PREF64 /32, withdrawn',
    { kind: 'pref64', prefix: prefix6('2001:db8::/32'), lifetimeS: 0 },
    '26 02 0005 20010db80000000000000000',
  ],
  [
    'RFC 4861 §4.6: an unknown option is kept as it is',
    { kind: 'unknown', type: 253, body: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    'fd 01 010203040506',
  ],
]

for (const [name, option, hex] of GOLDEN) {
  test(`${name}, in both directions`, () => {
    assert.equal(toHex(encodeOption(option)), toHex(octets(hex)))
    assert.deepEqual(decodeOne(octets(hex)), option)
  })
}

test('RFC 8781 §4.1: a lifetime that is no multiple of 8 is rounded up, so a short one is no withdrawal', () => {
  for (const [lifetimeS, scaled] of [
    [1, 1],
    [7, 1],
    [8, 1],
    [9, 2],
    [1801, 226],
    [65_527, 8191],
  ] as const) {
    const encoded = encodeOption({ kind: 'pref64', prefix: prefix6('64:ff9b::/96'), lifetimeS })
    assert.equal(new DataView(encoded.buffer).getUint16(2) >>> 3, scaled, `${lifetimeS} s`)
  }
})

test('octets behind the prefix length are not trusted (RFC 4861 §4.6.2: "ignored by the receiver")', () => {
  assert.deepEqual(
    decodeOne(octets('03 04 40 c0 00015180 00003840 00000000 20010db800010002 ffffffffffffffff')),
    PIO_LA,
  )
  const rio = decodeOne(octets('18 03 30 00 00000001 20010db80001ffff ffffffffffffffff'))
  assert.deepEqual(rio, { kind: 'rio', prefix: prefix6('2001:db8:1::/48'), preference: 'medium', lifetimeS: 1 })
})

/** What came, and the code it is refused with. */
const MALFORMED: readonly (readonly [name: string, hex: string, code: NdpError['code']])[] = [
  ['a Length of zero (RFC 4861 §4.6)', '01 00 000000000000', 'bad-length'],
  ['an option that runs past the end', '01 02 000000000000', 'truncated'],
  ['a lone Type octet', '01', 'truncated'],
  ['PIO of Length 3', `03 03 ${'00'.repeat(22)}`, 'bad-length'],
  ['PIO with prefix length 129', `03 04 81 c0 ${'00'.repeat(28)}`, 'bad-value'],
  ['PIO preferred beyond valid (RFC 4862 §5.5.3 c)', `03 04 40 c0 00000001 00000002 ${'00'.repeat(20)}`, 'bad-value'],
  ['MTU of Length 2', `05 02 ${'00'.repeat(14)}`, 'bad-length'],
  ['RIO of Length 4', `18 04 00 00 ${'00'.repeat(28)}`, 'bad-length'],
  ['RIO with prefix length 129', `18 03 81 00 ${'00'.repeat(20)}`, 'bad-value'],
  ['RIO whose prefix does not fit its Length', `18 02 41 00 ${'00'.repeat(12)}`, 'bad-length'],
  ['RIO with the reserved preference (RFC 4191 §2.3)', '18 01 00 10 00000001', 'bad-value'],
  ['RDNSS of Length 1', '19 01 0000 00000001', 'bad-length'],
  ['RDNSS of even Length (RFC 8106 §5.3.1)', `19 04 ${'00'.repeat(30)}`, 'bad-length'],
  ['DNSSL of Length 1', '1f 01 0000 00000001', 'bad-length'],
  ['DNSSL without a name', '1f 02 0000 00000001 0000000000000000', 'bad-value'],
  ['DNSSL whose label runs past the end', '1f 02 0000 00000001 0861626364656667', 'truncated'],
  ['DNSSL whose name has no end', '1f 02 0000 00000001 0761626364656667', 'truncated'],
  ['DNSSL with a compression pointer (RFC 8106 §5.2)', '1f 02 0000 00000001 c000000000000000', 'bad-value'],
  ['captive portal without URI (RFC 8910 §2.3)', '25 01 000000000000', 'bad-value'],
  ['captive portal with a NUL inside', '25 01 610062000000', 'bad-value'],
  ['captive portal with a control character', '25 01 610a62000000', 'bad-value'],
  ['encrypted DNS of Length 1', '90 01 0001 00000708', 'bad-length'],
  ['encrypted DNS with priority 0 (RFC 9463 §6.1)', '90 02 0000 00000000 0005 0161016200 00', 'bad-value'],
  ['encrypted DNS whose name runs past the end', '90 02 0001 00000000 0007 0161016200 00', 'truncated'],
  ['encrypted DNS whose name does not fill its length', '90 02 0001 00000000 0005 0161000000 00', 'bad-value'],
  ['encrypted DNS with the root as name', '90 02 0001 00000000 0001 00 0000000000', 'bad-value'],
  [
    'encrypted DNS with 15 octets of addresses',
    `90 04 0001 00000000 0003 016100 000f ${'01'.repeat(15)} 0000`,
    'bad-value',
  ],
  [
    'encrypted DNS with parameters but no address',
    '90 03 0001 00000000 0003 016100 0000 0004 00010000 000000',
    'bad-value',
  ],
  [
    'encrypted DNS with something behind its parameters',
    `90 05 0001 00000000 0003 016100 0010 ${'01'.repeat(16)} 0000 00000000000001`,
    'bad-value',
  ],
  ['PREF64 of Length 1', '26 01 0708 00000000', 'bad-length'],
  ['PREF64 with length code 6 (RFC 8781 §4)', '26 02 070e 0064ff9b0000000000000000', 'bad-value'],
  ['PREF64 with length code 7 (RFC 8781 §4)', '26 02 070f 0064ff9b0000000000000000', 'bad-value'],
]

for (const [name, hex, code] of MALFORMED) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => decodeOne(octets(hex)),
      (error) => error instanceof NdpError && error.code === code,
    )
  })
}

/** Values that no field can hold, and what the message must name. */
const UNWRITABLE: readonly (readonly [NdpOption, RegExp])[] = [
  [{ kind: 'rdnss', lifetimeS: 1, servers: [] }, /RDNSS: needs at least one address/],
  [{ kind: 'dnssl', lifetimeS: 1, names: [] }, /DNSSL: needs at least one name/],
  [{ kind: 'dnssl', lifetimeS: 1, names: ['a..b'] }, /"a\.\.b": a label of 0 octets/],
  [{ kind: 'dnssl', lifetimeS: 1, names: ['x'.repeat(64)] }, /a label of 64 octets, allowed are 1 to 63/],
  [{ kind: 'dnssl', lifetimeS: 1, names: ['büro.example'] }, /only ASCII/],
  [{ kind: 'dnssl', lifetimeS: 1, names: ['a\\'] }, /backslash/],
  [{ kind: 'dnssl', lifetimeS: 1, names: ['.'] }, /label/],
  [
    { kind: 'dnssl', lifetimeS: 1, names: [Array.from({ length: 128 }, () => 'a').join('.')] },
    /257 octets, allowed are 255/,
  ],
  [{ kind: 'pref64', prefix: prefix6('64:ff9b::/72'), lifetimeS: 1 }, /length must be 32, 40, 48, 56, 64 or 96/],
  [{ kind: 'pref64', prefix: prefix6('64:ff9b::/96'), lifetimeS: 65_529 }, /65529 s: allowed are 0 to 65528/],
  [{ kind: 'pref64', prefix: prefix6('64:ff9b::/96'), lifetimeS: Number.NaN }, /NaN/],
  [{ ...PIO_LA, preferredLifetimeS: 86_401 }, /preferred lifetime 86401 s is longer than the valid one/],
  [{ ...PIO_LA, routerAddress: ip6('2001:db8::1') }, /2001:db8::1 is not in 2001:db8:1:2::\/64/],
  [{ ...PIO_LA, validLifetimeS: 2 ** 32 }, /4294967296 does not fit in a 32-bit field/],
  [{ kind: 'mtu', mtuBytes: -1 }, /MTU: -1 does not fit/],
  [{ kind: 'captive-portal', uri: '' }, /captive portal: "": must be a URI/],
  [{ kind: 'captive-portal', uri: 'https://a b/' }, /must be a URI of printable ASCII/],
  [
    { kind: 'dnr', priority: 0, lifetimeS: 1, name: 'a', addresses: [], svcParams: new Uint8Array(0) },
    /priority must be 1 to 65535/,
  ],
  [
    { kind: 'dnr', priority: 1, lifetimeS: 1, name: 'a', addresses: [], svcParams: new Uint8Array(4) },
    /service parameters need an address/,
  ],
  [{ kind: 'slla', address: new Uint8Array(0) }, /SLLA/],
  [{ kind: 'unknown', type: 253, body: new Uint8Array(2039) }, /2048 octets, allowed are 2040/],
]

for (const [option, message] of UNWRITABLE) {
  test(`not written: ${message.source}`, () => {
    assert.throws(
      () => encodeOption(option),
      (error) => error instanceof NdpError && message.test(error.message),
    )
  })
}

const anyIp6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(asIp6)
const u32 = fc.nat({ max: 0xffffffff })
const anyPrefix = fc.tuple(anyIp6, fc.nat({ max: 128 })).map(([ip, lenBits]) => prefix6Of(ip, lenBits))
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
const anyName = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))

/** Plain objects: deepEqual looks at prototypes too. */
const anyOption: fc.Arbitrary<NdpOption> = fc
  .oneof(
    fc.record({ kind: fc.constant('slla' as const), address: fc.uint8Array({ minLength: 6, maxLength: 6 }) }),
    fc
      .tuple(anyIp6, fc.nat({ max: 128 }), fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()), u32, u32)
      .map(([ip, lenBits, [onLink, autonomous, hasAddress, preferDelegation], a, b]) => ({
        kind: 'pio' as const,
        prefix: prefix6Of(ip, lenBits),
        onLink,
        autonomous,
        routerAddress: hasAddress ? ip : undefined,
        preferDelegation,
        validLifetimeS: Math.max(a, b),
        preferredLifetimeS: Math.min(a, b),
      })),
    fc.record({ kind: fc.constant('mtu' as const), mtuBytes: u32 }),
    fc.record({
      kind: fc.constant('rio' as const),
      prefix: anyPrefix,
      preference: fc.constantFrom('high' as const, 'medium' as const, 'low' as const),
      lifetimeS: u32,
    }),
    fc.record({
      kind: fc.constant('rdnss' as const),
      lifetimeS: u32,
      servers: fc.array(anyIp6, { minLength: 1, maxLength: 127 }),
    }),
    fc.record({
      kind: fc.constant('dnssl' as const),
      lifetimeS: u32,
      names: fc.array(anyName, { minLength: 1, maxLength: 8 }),
    }),
    fc.record({
      kind: fc.constant('pref64' as const),
      prefix: fc.tuple(anyIp6, fc.constantFrom(32, 40, 48, 56, 64, 96)).map(([ip, lenBits]) => prefix6Of(ip, lenBits)),
      lifetimeS: fc.nat({ max: 8191 }).map((units) => units * 8),
    }),
    fc.record({
      kind: fc.constant('captive-portal' as const),
      uri: fc.stringMatching(/^[!-~]{1,80}$/),
    }),
    fc
      .record({
        kind: fc.constant('dnr' as const),
        priority: fc.integer({ min: 1, max: 0xffff }),
        lifetimeS: u32,
        name: anyName,
        addresses: fc.array(anyIp6, { maxLength: 5 }),
        svcParams: fc.uint8Array({ maxLength: 40 }),
      })
      .map((dnr) => (dnr.addresses.length === 0 ? { ...dnr, svcParams: new Uint8Array(0) } : dnr)),
    fc.record({
      kind: fc.constant('unknown' as const),
      type: fc.integer({ min: 200, max: 255 }),
      body: fc.nat({ max: 40 }).chain((units) => fc.uint8Array({ minLength: units * 8 + 6, maxLength: units * 8 + 6 })),
    }),
  )
  .map((option): NdpOption => ({ ...option }))

test('decode ∘ encode = identity for every option, and the length is whole units of 8', () => {
  fc.assert(
    fc.property(anyOption, (option) => {
      const encoded = encodeOption(option)
      assert.equal(encoded.length, (encoded[1] ?? 0) * 8)
      assert.deepEqual(decodeOne(encoded), option)
    }),
    { numRuns: 1000 },
  )
})

test('any octets of a label survive as text (RFC 1035 §5.1)', () => {
  const dnssl = (wire: Uint8Array): NdpOption => {
    const padded = new Uint8Array(Math.ceil((wire.length + 10) / 8) * 8)
    padded.set([31, padded.length / 8])
    padded.set(wire, 8)
    padded[8 + wire.length] = 0
    return decodeOne(padded)
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 63 }), (label) => {
      const option = dnssl(Uint8Array.of(label.length, ...label))
      const encoded = encodeOption(option)
      assert.deepEqual(encoded.slice(8, 9 + label.length), Uint8Array.of(label.length, ...label))
      assert.deepEqual(decodeOne(encoded), option)
    }),
  )
})

test('random octets never throw anything but NdpError', () => {
  const known = fc.constantFrom(1, 3, 5, 24, 25, 31, 37, 38, 144)
  const framed = fc
    .tuple(known, fc.integer({ min: 1, max: 8 }))
    .chain(([type, units]) =>
      fc
        .uint8Array({ minLength: units * 8 - 2, maxLength: units * 8 - 2 })
        .map((body) => Uint8Array.of(type, units, ...body)),
    )
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), framed), (bytes) => {
      try {
        for (const slice of sliceOptions(bytes)) decodeOption(slice)
      } catch (error) {
        assert.ok(error instanceof NdpError, String(error))
      }
    }),
    { numRuns: 5000 },
  )
})
