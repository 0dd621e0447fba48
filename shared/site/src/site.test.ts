import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatIp6, formatPrefix, type Prefix6, parsePrefix6 } from '@sixgate/addr'
import fc from 'fast-check'
import { z } from 'zod'
import { adoptUla, companionFile, keptUla } from './auto.ts'
import { SiteError } from './error.ts'
import { lanLinkName, lanLinkNames, lanPrefixes, lanViews } from './lans.ts'
import { siteSchema } from './schema.ts'
import { parseSite } from './site.ts'
import { readSite } from './yaml.ts'

const MINIMAL = `lan:
  interface: eth0
  vlan: 2
  prefix: fd00:1:2:2::/64
pref64: [64:ff9b::/96]
nat64:
  pool4: [198.18.0.0/16]
`

const folder = async (context: TestContext): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'sixgate-site-'))
  context.after(() => rm(path, { recursive: true }))
  return path
}

const failure = async (text: string, file = '/nowhere/site.yaml'): Promise<SiteError> => {
  const error = await readSite(text, file).then(
    () => assert.fail('the document was accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof SiteError, String(error))
  return error
}

test('a minimal document: defaults are filled in, values are branded and frozen', async () => {
  const { site, document } = await readSite(MINIMAL, '/nowhere/site.yaml')
  assert.equal(formatIp6(site.lan.router), 'fd00:1:2:2::1')
  assert.equal(lanLinkName(site), 'eth0.2')
  assert.equal(site.wan.interface, 'auto')
  assert.deepEqual(site.pref64.map(formatPrefix), ['64:ff9b::/96'])
  assert.equal(site.ra.minRtrAdvIntervalS, 198)
  assert.equal(site.nat64.idleLifetimeS, 7440)
  assert.equal(site.dns64.upstreams, 'auto')
  assert.ok(Object.isFrozen(site) && Object.isFrozen(site.nat64.pool4))
  assert.deepEqual(parseSite(JSON.parse(JSON.stringify(document))), site)
})

test('the document that is shipped is a good one', async (context) => {
  const path = await folder(context)
  const shipped = await readFile(new URL('../../../deploy/site.yaml', import.meta.url), 'utf8')
  const { site } = await readSite(shipped, join(path, 'site.yaml'))
  assert.equal(lanLinkName(site), 'eth0.2')
})

/** [what, text to replace in MINIMAL, replacement, the line that must come out] */
const MISTAKES: readonly (readonly [string, string, string, string])[] = [
  [
    'a wrong NAT64 prefix length',
    '64:ff9b::/96',
    '64:ff9b::/72',
    'site.yaml:5:10 pref64[0]: "64:ff9b::/72": length must be 32, 40, 48, 56, 64 or 96 (RFC 6052 §2.2)',
  ],
  [
    'a text where a number belongs',
    'vlan: 2',
    'vlan: two',
    'site.yaml:3:3 lan.vlan: "two": must be a whole number from 1 to 4094',
  ],
  [
    'a number out of range',
    'vlan: 2',
    'vlan: 4095',
    'site.yaml:3:3 lan.vlan: 4095: must be a whole number from 1 to 4094',
  ],
  [
    'a misspelt field',
    'vlan: 2',
    'vlna: 2',
    'site.yaml:3:3 lan.vlna: unknown field "vlna": known here are interface, vlan, prefix, router',
  ],
  [
    'a missing field',
    '  interface: eth0\n',
    '',
    'site.yaml:1:1 lan.interface: missing: must be a text: the name of a network interface, 1 to 15 characters like eth0',
  ],
  [
    'a missing section',
    'nat64:\n  pool4: [198.18.0.0/16]\n',
    '',
    'site.yaml:1:1 nat64: missing: must be a mapping with the fields pool4, hosts, maps, sources, wellKnownPrefix, idleLifetimeS, keptLifetimeS, mtu, lowestIpv6Mtu, udpChecksumZero, trafficClass, untranslatableSource, fastPath, alg',
  ],
  [
    'a LAN prefix that is no /64',
    '2::/64',
    '2::/60',
    'site.yaml:4:3 lan.prefix: "fd00:1:2:2::/60": must be auto or an IPv6 /64 like fd00:1:2:3::/64, all bits behind the length zero',
  ],
  [
    'a list where a mapping belongs',
    'lan:\n  interface: eth0\n  vlan: 2\n  prefix: fd00:1:2:2::/64',
    'lan: []',
    'site.yaml:1:1 lan: []: must be a mapping with the fields interface, vlan, prefix, router',
  ],
  [
    'a pool that means something else',
    '198.18.0.0/16',
    '127.0.0.0/16',
    'site.yaml:7:11 nat64.pool4[0]: 127.0.0.0/16 overlaps 127.0.0.0/8, which has another meaning everywhere (RFC 6890)',
  ],
  [
    'a pool that is too small',
    '198.18.0.0/16',
    '198.18.0.0/30',
    "site.yaml:7:11 nat64.pool4[0]: 198.18.0.0/30 is too small: at least a /29, since three addresses are the gateway's own",
  ],
  [
    'prefixes that overlap',
    '[64:ff9b::/96]',
    '[64:ff9b::/96, 64:ff9b::/64]',
    'site.yaml:5:24 pref64[1]: 64:ff9b::/64 overlaps 64:ff9b::/96: prefixes must be apart',
  ],
  [
    'a NAT64 prefix over the LAN',
    '64:ff9b::/96',
    'fd00:1:2::/48',
    'site.yaml:5:10 pref64[0]: fd00:1:2::/48 overlaps lan.prefix fd00:1:2:2::/64: they must be apart',
  ],
  [
    'a static host outside the pool',
    '[198.18.0.0/16]',
    '[198.18.0.0/16]\n  hosts: [{ ip6: "fd00:1:2:2::9", ip4: 192.0.2.9 }]',
    'site.yaml:8:35 nat64.hosts[0].ip4: 192.0.2.9 is outside nat64.pool4 (198.18.0.0/16)',
  ],
  [
    'a LAN prefix that no LAN can have',
    'fd00:1:2:2::/64',
    'fe80::/64',
    'site.yaml:4:3 lan.prefix: fe80::/64 is inside fe80::/10, which no LAN can have (RFC 4291 §2.4): auto, a ULA fdxx:…/64 or a prefix of your provider',
  ],
  [
    'an address that YAML takes for a mapping',
    '  vlan: 2',
    '  router: ::',
    'site.yaml:3:11 Nested mappings are not allowed in compact mappings; a value that begins or ends with a colon belongs in quotes: "::"',
  ],
  [
    'an explicit map without room',
    '[198.18.0.0/16]',
    '[198.18.0.0/16]\n  maps: [{ prefix6: "2001:db8::/124", prefix4: 192.0.2.0/24 }]',
    'site.yaml:8:12 nat64.maps[0].prefix6: 2001:db8::/124 has no room for the 8 bits behind 192.0.2.0/24: at most /120 (RFC 7757 §3.1)',
  ],
  [
    'an explicit map inside the pool',
    '[198.18.0.0/16]',
    '[198.18.0.0/16]\n  maps: [{ prefix6: "2001:db8::/120", prefix4: 198.18.7.0/24 }]',
    'site.yaml:8:39 nat64.maps[0].prefix4: 198.18.7.0/24 overlaps nat64.pool4 198.18.0.0/16: single hosts in the pool stand in nat64.hosts',
  ],
  [
    'one prefix in two explicit maps',
    '[198.18.0.0/16]',
    '[198.18.0.0/16]\n  maps:\n    - { prefix6: "2001:db8::/120", prefix4: 192.0.2.0/24 }\n    - { prefix6: "2001:db8:1::/120", prefix4: 192.0.2.0/24 }',
    'site.yaml:10:38 nat64.maps[1].prefix4: 192.0.2.0/24 is mapped by nat64.maps[0] already (RFC 7757 §3.1)',
  ],
  [
    'lifetimes that do not agree',
    '[198.18.0.0/16]',
    '[198.18.0.0/16]\n  keptLifetimeS: 60',
    'site.yaml:8:3 nat64.keptLifetimeS: 60: must be at least idleLifetimeS = 7440',
  ],
  [
    'a router address outside the prefix',
    'vlan: 2',
    'vlan: 2\n  router: fd00::1',
    'site.yaml:4:3 lan.router: "fd00::1": must be an interface identifier like ::1, or an address inside lan.prefix that is not its first',
  ],
  [
    'an uplink that is the LAN',
    'pref64:',
    'wan: { interface: eth0.2 }\npref64:',
    'site.yaml:5:8 wan.interface: "eth0.2" is the LAN: the uplink must be another interface, or auto',
  ],
  [
    'RA intervals that do not agree',
    'pref64:',
    'ra: { minRtrAdvIntervalS: 500 }\npref64:',
    'site.yaml:5:7 ra.minRtrAdvIntervalS: 500: must be at most 0.75 × maxRtrAdvIntervalS = 450 (RFC 4861 §6.2.1)',
  ],
  [
    'an upstream that is none',
    'pref64:',
    'dns64: { upstreams: [dns.example] }\npref64:',
    'site.yaml:5:22 dns64.upstreams[0]: "dns.example": must be a name server like 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353',
  ],
  [
    'an empty list of prefixes',
    '[64:ff9b::/96]',
    '[]',
    'site.yaml:5:1 pref64: []: must hold at least one NAT64 prefix like 64:ff9b::/96',
  ],
]

for (const [what, from, to, expected] of MISTAKES) {
  test(`${what} is told with line, column, what came and what is allowed`, async () => {
    assert.ok(MINIMAL.includes(from))
    assert.equal((await failure(MINIMAL.replace(from, to))).message, expected)
  })
}

test('several mistakes are told at once', async () => {
  const error = await failure(MINIMAL.replace('vlan: 2', 'vlan: 0').replace('/96', '/95'))
  assert.deepEqual(
    error.issues.map((issue) => issue.line),
    [3, 5],
  )
  assert.equal(error.code, 'schema')
})

test('broken YAML and a repeated field are told with their place', async () => {
  const broken = await failure('lan: {\n')
  assert.equal(broken.code, 'syntax')
  assert.match(broken.message, /^site\.yaml:\d+:\d+ /)
  assert.match((await failure(`${MINIMAL}pref64: []\n`)).message, /^site\.yaml:8:1 .*unique/)
  assert.match((await failure('')).message, /^site\.yaml:1:1 null: must be a mapping with the fields lan, lans, wan, /)
})

test('an alias that stands for nothing, for what it is in, or for too much is told', async () => {
  assert.match(
    (await failure(`${MINIMAL}ra: *x\n`)).message,
    /^site\.yaml:8:5 "\*x" stands for nothing: "&x" has to come before/,
  )
  assert.match(
    (await failure(MINIMAL.replace(/pref64:[^]*?\n(?=\w)/, 'pref64: &p [*p]\n'))).message,
    /^site\.yaml:\d+:\d+ "\*p" stands for something that it is part of/,
  )
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  const laughs = names.map(
    (name, index) => `${name}: &${name} [${`*${names[index - 1] ?? ''}, `.repeat(index === 0 ? 0 : 9)}x]`,
  )
  assert.equal((await failure(`${laughs.join('\n')}\n`)).code, 'syntax')
})

test('name servers: address, port, brackets', async () => {
  const upstreams = async (list: string) =>
    (await readSite(`${MINIMAL}dns64: { upstreams: ${list} }\n`, '/nowhere/site.yaml')).site.dns64.upstreams
  assert.deepEqual(await upstreams('[192.0.2.53, "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:853"]'), [
    { address: '192.0.2.53', port: 53 },
    { address: '192.0.2.53', port: 5353 },
    { address: '2001:db8::53', port: 53 },
    { address: '2001:db8::53', port: 853 },
  ])
})

test('RFC 4193: an automatic prefix is a random ULA, the VLAN its subnet, and it is kept', async (context) => {
  const file = join(await folder(context), 'site.yaml')
  const text = MINIMAL.replace('fd00:1:2:2::/64', 'auto')
  const first = formatPrefix((await readSite(text, file)).site.lan.prefix)
  assert.match(first, /^fd[0-9a-f]{2}:[0-9a-f:]*:2::\/64$/)
  assert.equal(formatPrefix((await readSite(text, file)).site.lan.prefix), first)
  assert.notEqual(formatPrefix((await readSite(text, join(await folder(context), 'site.yaml'))).site.lan.prefix), first)
})

const LANS = `lan: { interface: eth0, prefix: auto }
lans:
  - { interface: eth0, vlan: 7, prefix: auto, ra: { managed: true } }
  - { interface: eth1, prefix: auto }
pref64: [64:ff9b::/96]
nat64: { pool4: [198.18.0.0/16] }
ra: { preference: high }
`

test('several LANs: each has its subnet of the one ULA, its link and its own ra', async (context) => {
  const file = join(await folder(context), 'site.yaml')
  const { site, document } = await readSite(LANS, file)
  const ula = formatPrefix(await keptUla(companionFile(file))).replace('::/48', '')
  assert.deepEqual(lanPrefixes(site).map(formatPrefix), [`${ula}::/64`, `${ula}:7::/64`, `${ula}:1001::/64`])
  assert.deepEqual(lanLinkNames(site), ['eth0', 'eth0.7', 'eth1'])
  assert.deepEqual(
    lanViews(site).map(({ lan, ra }) => [formatIp6(lan.router), ra.preference, ra.managed]),
    [
      [`${ula}::1`, 'high', false],
      [`${ula}:7::1`, 'medium', true],
      [`${ula}:1001::1`, 'medium', false],
    ],
  )
  // What is published is read again by every service.
  assert.deepEqual(parseSite(document), site)
})

const LAN_MISTAKES: readonly (readonly [string, string, string, RegExp])[] = [
  ['two LANs on one link', 'vlan: 7, ', '', /:3:7 lans\[0\]\.interface: "eth0" is a LAN already: each needs/],
  [
    'one prefix twice',
    'eth1, prefix: auto',
    'eth1, prefix: "fd00:1:2:7::/64"',
    /:4:24 lans\[1\]\.prefix: fd00:1:2:7::\/64 is the prefix of eth0\.7 already/,
  ],
  [
    'the uplink is a LAN',
    'ra: { preference',
    'wan: { interface: eth1 }\nra: { preference',
    /wan\.interface: "eth1" is a LAN: the uplink must be another/,
  ],
  [
    'a mistake in a further ra',
    'managed: true',
    'maxRtrAdvIntervalS: 10, minRtrAdvIntervalS: 9',
    /lans\[0\]\.ra\.minRtrAdvIntervalS: 9: must be at most 0\.75/,
  ],
  [
    'pref64 in a further LAN',
    '64:ff9b::/96',
    '"fd00:1:2:7::/96"',
    /pref64\[0\]: .* overlaps lans\[0\]\.prefix fd00:1:2:7::\/64/,
  ],
]
for (const [what, from, to, expected] of LAN_MISTAKES)
  test(`${what} is told with its place`, async (context) => {
    const file = join(await folder(context), 'site.yaml')
    const text = LANS.replace('vlan: 7, prefix: auto', 'vlan: 7, prefix: "fd00:1:2:7::/64"')
    assert.ok(text.includes(from))
    assert.match((await failure(text.replace(from, to), file)).message, expected)
  })

test('a static host may be in any LAN, and in no other network', async (context) => {
  const file = join(await folder(context), 'site.yaml')
  const text = LANS.replace('vlan: 7, prefix: auto', 'vlan: 7, prefix: "fd00:1:2:7::/64"')
  const withHost = (ip6: string): string => text.replace('16] }', `16], hosts: [{ ip6: "${ip6}", ip4: 198.18.0.9 }] }`)
  await readSite(withHost('fd00:1:2:7::5'), file)
  assert.match(
    (await failure(withHost('fd00:1:2:8::5'), file)).message,
    /fd00:1:2:8::5 is outside lan\.prefix .*, fd00:1:2:7::\/64/,
  )
})

test('processes that start at the same time keep the same prefix', async (context) => {
  const path = await folder(context)
  const all = await Promise.all(Array.from({ length: 16 }, () => keptUla(join(path, 'site.auto.yaml'))))
  assert.equal(new Set(all.map(formatPrefix)).size, 1)
  assert.deepEqual(await readdir(path), ['site.auto.yaml'])
})

test('a prefix that hosts use already is kept when the file was lost, and never replaces one', async (context) => {
  const file = join(await folder(context), 'site.auto.yaml')
  const prefix = (text: string): Prefix6 => parsePrefix6(text) ?? assert.fail(text)
  assert.equal(await adoptUla(file, prefix('2001:db8:1:2::/64')), false)
  assert.equal(await adoptUla(file, prefix('fd12:3456:789a:2::/64')), true)
  assert.equal(formatPrefix(await keptUla(file)), 'fd12:3456:789a::/48')
  assert.equal(await adoptUla(file, prefix('fd00:1:2:2::/64')), false)
  assert.equal(formatPrefix(await keptUla(file)), 'fd12:3456:789a::/48')
})

test('a prefix that cannot be kept, or was damaged, is told and not replaced', async (context) => {
  const auto = MINIMAL.replace('fd00:1:2:2::/64', 'auto')
  const nowhere = await failure(auto, '/nowhere/site.yaml')
  assert.equal(nowhere.code, 'auto')
  assert.match(nowhere.message, /make its folder writable, or write a prefix/)
  const file = join(await folder(context), 'site.yaml')
  await writeFile(companionFile(file), 'ula: 2001:db8::/48\n')
  assert.match((await failure(auto, file)).message, /"2001:db8::\/48": must be a ULA prefix/)
})

test('whatever comes, the answer is a site or a SiteError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.record({ lan: fc.jsonValue(), pref64: fc.jsonValue(), nat64: fc.jsonValue(), dns64: fc.jsonValue() }),
      ),
      (value) => {
        try {
          parseSite(value)
        } catch (error) {
          assert.ok(error instanceof SiteError, String(error))
        }
      },
    ),
  )
})

test('no field is for a password or key: the document goes to every service, and tokens of the API read it', () => {
  const schema = JSON.stringify(z.toJSONSchema(siteSchema, { io: 'input', unrepresentable: 'any' }))
  const fields = [...schema.matchAll(/"([^"]+)":\{/g)].map(([, name = '']) => name)
  assert.ok(fields.includes('dohPath') && fields.includes('queryLog'))
  assert.deepEqual(
    fields.filter((name) => /pass|secret|token|key|psk|seed|credential|private|hash/i.test(name)),
    [],
  )
})
