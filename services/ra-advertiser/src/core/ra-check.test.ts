import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ip6, parseIp6 } from '@sixgate/addr'
import { withdrawsUs } from './ra-check.ts'
import type { RouterAdvertisement } from './ra-wire.ts'
import { PLAIN_HEADER } from '../testkit/plain-header.ts'

const ip = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const US = { linkLocal: ip('fe80::1'), router: ip('fd00::1') }

const said = (routerLifetimeS: number, server: string, lifetimeS: number): RouterAdvertisement => ({
  ...PLAIN_HEADER,
  routerLifetimeS,
  options: [{ kind: 'rdnss', lifetimeS, servers: [ip(server)] }],
})
const OURS = said(1800, 'fd00::1', 1800)

/** [what, from, what they say, what we say, whether it takes that back] */
const ROWS: readonly (readonly [string, string, RouterAdvertisement, RouterAdvertisement, boolean])[] = [
  ['another router that goes', 'fe80::2', said(0, 'fd00::2', 0), OURS, false],
  ['another router that names our server too', 'fe80::2', said(1800, 'fd00::1', 600), OURS, false],
  ['our last words, by somebody else', 'fe80::1', said(0, 'fd00::2', 0), OURS, true],
  ['our server, withdrawn by another router', 'fe80::2', said(1800, 'fd00::1', 0), OURS, true],
  ['a message as ours, whoever sent it', 'fe80::1', OURS, OURS, false],
  ['we are no default router ourselves', 'fe80::1', said(0, 'fd00::2', 0), said(0, 'fd00::1', 1800), false],
  ['our server is withdrawn by us, too', 'fe80::2', said(1800, 'fd00::1', 0), said(1800, 'fd00::1', 0), false],
]
for (const [what, from, theirs, ours, expected] of ROWS)
  test(`what takes back our own words: ${what}`, () =>
    assert.equal(withdrawsUs(US, ours, { router: ip(from), ra: theirs }), expected))
