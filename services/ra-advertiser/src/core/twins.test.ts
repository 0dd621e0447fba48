import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import { knownRouters, type Twins } from './twins.ts'

const ip = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const gateway = (name: string) => ({ name, router: ip('::1') })
const twins = (...told: readonly (readonly [string, readonly string[]])[]): Twins =>
  new Map(told.map(([name, texts]) => [name, texts.map(ip)]))

const LISTED = ['fe80::9']

/** [what, gateways of the document, name of this one, knownRouters, what the others told, expected] */
const ROWS: readonly (readonly [
  string,
  readonly string[],
  string | undefined,
  readonly string[] | undefined,
  Twins,
  readonly string[] | undefined,
])[] = [
  ['one machine: the list', [], undefined, LISTED, twins(), LISTED],
  ['one machine, no list: nobody is a stranger', [], undefined, undefined, twins(), undefined],
  ['two: the list and the other one', ['a', 'b'], 'a', LISTED, twins(['b', ['fe80::b']]), ['fe80::9', 'fe80::b']],
  [
    'two, an empty list: the other one',
    ['a', 'b'],
    'a',
    [],
    twins(['b', ['fe80::b', 'fe80::c']]),
    ['fe80::b', 'fe80::c'],
  ],
  ['two, no list: nobody is a stranger', ['a', 'b'], 'a', undefined, twins(['b', ['fe80::b']]), undefined],
  ['the other one has not told yet: nobody is a stranger', ['a', 'b'], 'a', LISTED, twins(), undefined],
  ['three, one has not told yet', ['a', 'b', 'c'], 'a', LISTED, twins(['b', ['fe80::b']]), undefined],
  [
    'one that the document does not have (any more) does not count',
    ['a', 'b'],
    'a',
    [],
    twins(['b', []], ['x', ['fe80::e']]),
    [],
  ],
]
for (const [what, names, own, listed, told, expected] of ROWS)
  test(`known routers: ${what}`, () => {
    const site = { ra: { knownRouters: listed?.map(ip) }, gateways: names.map(gateway) }
    assert.deepEqual(knownRouters(site, own, told)?.map(formatIp6), expected)
  })
