import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { redactData, redactText } from './redact.ts'
import { ROUTES } from './web/routes.ts'

/** In two pieces, so that no scanner takes it for a real one. */
const SEED = ['SU', 'ACDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVWXY'].join('').slice(0, 58)
const SCRYPT = '$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo'
const PEM = '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\nabc\n-----END EC PRIVATE KEY-----'

const GONE: readonly (readonly [string, string, string])[] = [
  ['an nkey seed', `seed file holds ${SEED} now`, SEED],
  ['a hash of scrypt', `stored ${SCRYPT}`, 'aGFzaGhhc2hoYXNo'],
  ['a hash of bcrypt', 'x $2b$12$abcdefghijklmnopqrstuv', 'abcdefghijklmnopqrstuv'],
  ['a private key', PEM, 'MHcCAQEEIA'],
  ['a password in YAML', 'password: "hunter2 and more"\nnext: 1', 'hunter2'],
  ['a password in YAML without quotes', '  wifiPassword: hunter2 # comment', 'hunter2'],
  ['a TSIG key', 'tsigKey: NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=', 'NoTCJU'],
  ['a token in JSON', '{"apiToken":"abc.def"}', 'abc.def'],
  ['a password in an address', 'https://me:hunter2@dns.example/', 'hunter2'],
  ["a customer's path", 'url: https://dns.example/a1b2c3/device', 'a1b2c3'],
  ["a customer's path in YAML", '- { protocol: https, name: dns.example, path: /a1b2c3/device }', 'a1b2c3'],
  ["a customer's path in quotes", 'path: "/a1b2c3"', 'a1b2c3'],
  ["a customer's path in JSON", '{"name":"dns.example","path":"/a1b2c3"}', 'a1b2c3'],
  ["a customer's path with a mistake", 'site.yaml:9:1 dns64.upstreams[0].path: "a1b2c3": must be a path', 'a1b2c3'],
  ["a customer's path behind the usual one", 'path: /dns-query/a1b2c3', 'a1b2c3'],
  ["a customer's path on the next line", 'path:\n  /a1b2c3', 'a1b2c3'],
  ["a customer's path in a block of YAML", 'path: >- # folded\n  /a1b2c3', 'a1b2c3'],
  ["a customer's path with what YAML allows before it", 'path: !!str &own /a1b2c3', 'a1b2c3'],
  ["a customer's path that hosts are told", 'dohPath: /a1b2c3{?dns}', 'a1b2c3'],
  ["a customer's path that hosts are told, in quotes", '"dohPath": "/a1b2c3{?dns}"', 'a1b2c3'],
  ["a customer's name of a resolver", '{ protocol: tls, name: "phone--a1b2c3.dns.nextdns.io" }', 'a1b2c3'],
]

describe('a text', () => {
  for (const [what, text, secret] of GONE)
    it(`loses ${what}`, () => {
      assert.ok(text.includes(secret))
      const redacted = redactText(text)
      assert.ok(!redacted.includes(secret), redacted)
      assert.ok(redacted.includes('(redacted)'))
    })

  const KEPT: readonly string[] = [
    'lan:\n  interface: eth0   # the port\n  prefix: fd00:1:2:2::/64\n',
    'revision 3: pool4: "198.18.0.0/33": must be an IPv4 prefix',
    '- { address: 9.9.9.9, protocol: tls, name: dns.quad9.net }',
    '- { address: 9.9.9.9, protocol: https, name: dns.quad9.net, path: /dns-query }',
    'path: &usual /dns-query\nalpn: [h2]',
    '- { name: dns.example, alpn: [h2], dohPath: "/dns-query{?dns}" }',
    'dohPath: /dns-query{?dns}\n',
    'reversePath: true\nthe path: LAN to uplink',
  ]
  for (const text of KEPT) it(`keeps ${JSON.stringify(text)}`, () => assert.equal(redactText(text), text))
})

describe('plain data', () => {
  it('loses fields that are called so, at any depth, and texts that look so', () => {
    const data = {
      a: [{ password: 'x', name: 'n' }],
      b: { tokens: ['t'], count: 3 },
      c: `see ${SEED}`,
      tokens_total: 7,
      upstreams: [{ path: '/a1b2c3' }, { path: '/dns-query' }],
      dnr: [{ dohPath: '/a1b2c3{?dns}' }, { dohPath: '/dns-query{?dns}' }],
      issues: [{ path: 'pref64[0]' }],
    }
    assert.deepEqual(redactData(data), {
      a: [{ password: '(redacted)', name: 'n' }],
      b: { tokens: '(redacted)', count: 3 },
      c: 'see (redacted)',
      tokens_total: 7,
      upstreams: [{ path: '(redacted)' }, { path: '/dns-query' }],
      dnr: [{ dohPath: '(redacted)' }, { dohPath: '/dns-query{?dns}' }],
      issues: [{ path: 'pref64[0]' }],
    })
  })
})

describe('answers of the API to a token', () => {
  it('have no field that would become a text which its schema does not allow', () => {
    const readable = Object.values(ROUTES).filter(({ access }) => access === 'reader')
    const fields = readable.flatMap(({ answer }) =>
      [...JSON.stringify(z.toJSONSchema(answer)).matchAll(/"([^"]+)":\{/g)].map(([, name = '']) => name),
    )
    assert.ok(fields.includes('complaints') && fields.includes('text'))
    for (const field of fields) assert.deepEqual(redactData({ [field]: ['x'] }), { [field]: ['x'] }, field)
  })
})
