import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bearerOf, cookieOf, type Head, refusalOf, sessionCookie } from './guard.ts'

const NAMES = new Set(['fd00::1', '127.0.0.1', 'localhost', 'gateway.home.arpa'])
const GET: Head = {
  method: 'GET',
  host: '[fd00::1]:8443',
  origin: undefined,
  contentType: undefined,
  fetchSite: undefined,
}
const POST: Head = { ...GET, method: 'POST', origin: 'https://[fd00::1]:8443', contentType: 'application/json' }

const TABLE: readonly (readonly [string, Head, string | undefined])[] = [
  ['a page is fetched', GET, undefined],
  [
    'a page is fetched by a link of another site: without the cookie, so nothing is told',
    { ...GET, fetchSite: 'cross-site' },
    undefined,
  ],
  ['by IPv4', { ...GET, host: '127.0.0.1:8443' }, undefined],
  ['by name', { ...GET, host: 'Gateway.home.arpa:8443' }, undefined],
  ['without port', { ...GET, host: 'localhost' }, undefined],
  ['no Host', { ...GET, host: undefined }, 'wrong-host'],
  ['DNS rebinding', { ...GET, host: 'evil.example:8443' }, 'wrong-host'],
  ['an address that is not ours', { ...GET, host: '[fd00::2]:8443' }, 'wrong-host'],
  ['a name that only begins like ours', { ...GET, host: 'localhost.evil.example' }, 'wrong-host'],
  ['the page changes something', POST, undefined],
  ['with charset', { ...POST, contentType: 'application/json; charset=utf-8', fetchSite: 'same-origin' }, undefined],
  ['another site', { ...POST, origin: 'https://evil.example' }, 'cross-site'],
  ['another port of ours', { ...POST, origin: 'https://[fd00::1]:9443' }, 'cross-site'],
  ['the same without TLS', { ...POST, origin: 'http://[fd00::1]:8443' }, 'cross-site'],
  ['a sandboxed frame', { ...POST, origin: 'null' }, 'cross-site'],
  ['no origin', { ...POST, origin: undefined }, 'cross-site'],
  ['a sibling site', { ...POST, fetchSite: 'same-site' }, 'cross-site'],
  ['a form', { ...POST, contentType: 'application/x-www-form-urlencoded' }, 'content-type'],
  ['text that only looks like JSON', { ...POST, contentType: 'application/json-x' }, 'content-type'],
  ['no type', { ...POST, contentType: undefined }, 'content-type'],
  ['another method', { ...GET, method: 'DELETE' }, 'method'],
]

for (const [name, head, code] of TABLE) test(`guard: ${name}`, () => assert.equal(refusalOf(head, NAMES)?.code, code))

test('cookies and tokens are read by name, whole', () => {
  assert.equal(cookieOf('a=1; __Host-sixgate=x; b=2', '__Host-sixgate'), 'x')
  assert.equal(cookieOf('x__Host-sixgate=x', '__Host-sixgate'), undefined)
  assert.equal(cookieOf(undefined, 'a'), undefined)
  assert.equal(bearerOf('Bearer abc-_1'), 'abc-_1')
  assert.equal(bearerOf('Basic abc'), undefined)
  assert.equal(bearerOf('Bearer a b'), undefined)
  assert.match(sessionCookie('x'), /^__Host-sixgate=x; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
})
