import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp4, asIp6, formatIp4, formatIp6, mask4 } from '@sixgate/addr'
import fc from 'fast-check'
import { eam, ip4Of, ip6Of } from '../../testkit/core-lab.ts'
import { Eamt, eamConflict } from './eamt.ts'

const to4 = (eamt: Eamt, ip6: string): string => {
  const found = eamt.to4(new DataView(Uint8Array.from(ip6Of(ip6)).buffer), 0)
  return found === 0 ? 'none' : formatIp4(asIp4(found))
}
const to6 = (eamt: Eamt, ip4: string): string => {
  const view = new DataView(new ArrayBuffer(16))
  return eamt.to6(ip4Of(ip4) | 0, view, 0) ? formatIp6(asIp6(new Uint8Array(view.buffer))) : 'none'
}

test('RFC 7757 §3.2: the table and its examples, both ways', () => {
  const eamt = new Eamt([
    eam('2001:db8:aaaa::/128', '192.0.2.1/32'),
    eam('2001:db8:bbbb::b/128', '192.0.2.2/32'),
    eam('2001:db8:cccc::/124', '192.0.2.16/28'),
    eam('2001:db8:dddd::/64', '192.0.2.128/26'),
    eam('2001:db8:eeee:8::/62', '192.0.2.192/29'),
    eam('64:ff9b::/127', '192.0.2.224/31'),
  ])
  for (const [ip6, ip4] of [
    ['2001:db8:aaaa::', '192.0.2.1'],
    ['2001:db8:bbbb::b', '192.0.2.2'],
    ['2001:db8:cccc::5', '192.0.2.21'],
    ['2001:db8:dddd:0:fc00::', '192.0.2.191'],
    ['2001:db8:eeee:a:8000::', '192.0.2.197'],
    ['64:ff9b::1', '192.0.2.225'],
  ] as const) {
    assert.equal(to4(eamt, ip6), ip4)
    assert.equal(to6(eamt, ip4), ip6)
  }
  assert.equal(to4(eamt, '2001:db8:aaaa::1'), 'none')
  assert.equal(to6(eamt, '192.0.2.3'), 'none')
  assert.equal(eamt.has4(ip4Of('192.0.2.31') | 0), true)
  assert.equal(eamt.has4(ip4Of('192.0.2.32') | 0), false)
})

test('bits behind the carried suffix are ignored on the way to IPv4 and zero on the way to IPv6 (§3.3)', () => {
  const eamt = new Eamt([eam('2001:db8:dddd::/64', '192.0.2.128/26')])
  assert.equal(to4(eamt, '2001:db8:dddd:0:0400::1234'), '192.0.2.129')
  assert.equal(to6(eamt, '192.0.2.129'), '2001:db8:dddd:0:400::')
})

test('longest match in each direction, of entries that overlap (§3.1)', () => {
  const eamt = new Eamt([eam('2001:db8::/96', '0.0.0.0/0'), eam('2001:db8::c000:200/120', '198.51.100.0/24')])
  assert.equal(to4(eamt, '2001:db8::192.0.2.7'), '198.51.100.7')
  assert.equal(to4(eamt, '2001:db8::192.0.3.7'), '192.0.3.7')
  assert.equal(to6(eamt, '198.51.100.7'), '2001:db8::c000:207')
  assert.equal(to6(eamt, '8.8.8.8'), '2001:db8::808:808')
})

test('the same prefix twice is a conflict, overlapping ones are not', () => {
  const one = eam('2001:db8:cccc::/124', '192.0.2.16/28')
  assert.match(eamConflict(one, eam('2001:db8:cccc::/124', '192.0.2.32/28')) ?? '', /IPv6 prefix/)
  assert.match(eamConflict(one, eam('2001:db8:dddd::/124', '192.0.2.16/28')) ?? '', /IPv4 prefix/)
  assert.equal(eamConflict(one, eam('2001:db8:cccc::1/128', '192.0.2.17/32')), undefined)
})

test('to4 ∘ to6 = identity for every suffix length', () => {
  const u32 = fc.nat(0xffff_ffff)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 32 }), fc.nat(96), u32, u32, (len4, offset, base, host) => {
      const mask = mask4(len4)
      const ip4 = asIp4((base & mask) | (host & ~mask))
      const eamt = new Eamt([eam(`::/${len4 + offset}`, `${formatIp4(asIp4(base & mask))}/${len4}`)])
      // 0.0.0.0 is never mapped: it stands for "none".
      if (ip4 !== 0) assert.equal(to4(eamt, to6(eamt, formatIp4(ip4))), formatIp4(ip4))
    }),
  )
})
