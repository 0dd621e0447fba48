import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelOptionsOf } from './diagnose.ts'
import {
  accept,
  ctState,
  dnat4,
  drop,
  flowAdd,
  jump,
  masquerade,
  moreThan,
  noWayBack,
  reject6,
  snat4ToOriginalDestination,
  toThisHost,
  type Statement,
} from './nft.ts'

/** What a rule is made of, and the options of the kernel behind it. */
const NEEDS: readonly (readonly [what: string, statements: readonly Statement[], options: readonly string[]])[] = [
  ['a plain one', [accept], ['CONFIG_NF_TABLES_INET']],
  ['known flows', [ctState('established'), accept], ['CONFIG_NFT_CT']],
  ['a limit', [moreThan(5, 5), drop], ['CONFIG_NFT_LIMIT']],
  ['an answer', [reject6('no-route')], ['CONFIG_NFT_REJECT_INET']],
  ['masquerade', [masquerade], ['CONFIG_NFT_MASQ']],
  ['another destination', [dnat4('192.0.2.1', undefined)], ['CONFIG_NFT_NAT']],
  ['another source, of a flow', [snat4ToOriginalDestination], ['CONFIG_NFT_CT', 'CONFIG_NFT_NAT']],
  ['a way back', [noWayBack, drop], ['CONFIG_NFT_FIB_INET']],
  ['an address of the host', [toThisHost, accept], ['CONFIG_NFT_FIB_INET']],
  ['a flowtable', [flowAdd({ name: 'fast', devices: [] })], ['CONFIG_NFT_FLOW_OFFLOAD']],
  ['a jump to a chain of that name', [jump('fib')], ['CONFIG_NF_TABLES_INET']],
]

for (const [what, statements, options] of NEEDS)
  test(`the option to look for when the kernel does not take a rule: ${what}`, () =>
    assert.deepEqual(kernelOptionsOf(statements), options))

test('of several rules, each option once', () =>
  assert.deepEqual(kernelOptionsOf([masquerade, masquerade, dnat4('192.0.2.1', 1), snat4ToOriginalDestination]), [
    'CONFIG_NFT_CT',
    'CONFIG_NFT_NAT',
    'CONFIG_NFT_MASQ',
  ]))
