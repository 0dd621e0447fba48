import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ip4Of, ip6Of } from '../../testkit/core-lab.ts'
import { decideKvEntry, decodeKvEntry, encodeKvValue, kvIp4, kvKey } from './kv-entry.ts'
import type { HostId, Mapping } from './registry.ts'

const PREF64 = '64:ff9b::/96'
const hostOf = (ip6: string): HostId => ({ ip6: ip6Of(ip6), pref64: PREF64 })
const mapping = (ip6: string, ip4: string, revision?: number): Mapping => ({
  ...hostOf(ip6),
  ip4: ip4Of(ip4),
  slot: 0,
  revision,
  isInstalled: true,
  toldSeenS: 0,
})
const told = (ip6: string, ip4: string) => ({ host: hostOf(ip6), ip4: ip4Of(ip4), seenS: 1 })

test('decode ∘ encode = identity; keys are one NATS token', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.nat(2 ** 40), (value, seenS) => {
      const ip4 = ip4Of([24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.'))
      assert.match(kvKey(ip4), /^\d+-\d+-\d+-\d+$/)
      assert.equal(kvIp4(kvKey(ip4)), ip4)
      assert.deepEqual(decodeKvEntry(kvKey(ip4), encodeKvValue(hostOf('fd00::1'), seenS)), {
        host: hostOf('fd00::1'),
        ip4,
        seenS,
      })
    }),
  )
})

test('what is no mapping decodes to nothing, whatever it is', () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value)
  for (const [key, value] of [
    ['x', text('{"ip6":"fd00::1","pref64":"64:ff9b::/96","seen":1}')],
    ['198-18-0-2', text('')],
    ['198-18-0-2', text('null')],
    ['198-18-0-2', text('{"ip6":"nonsense","pref64":"64:ff9b::/96","seen":1}')],
    ['198-18-0-2', text('{"ip6":"fd00::1","seen":1}')],
    ['198-18-0-2', text('{"ip6":"fd00::1","pref64":"64:ff9b::/96","seen":"1"}')],
    // JSON's way to Infinity: a host that is never idle.
    ['198-18-0-2', text('{"ip6":"fd00::1","pref64":"64:ff9b::/96","seen":1e999}')],
  ] as const)
    assert.equal(decodeKvEntry(key, value), undefined)
  fc.assert(fc.property(fc.uint8Array(), (value) => assert.equal(decodeKvEntry('198-18-0-2', value), undefined)))
})

/** entry, its revision, ours of that address, ours of that host → what happens */
test('decisions', () => {
  const entry = told('fd00::1', '198.18.0.2')
  const nothing = { drop: [], adopt: false, confirm: undefined, erase: [] }

  const same = mapping('fd00::1', '198.18.0.2')
  assert.deepEqual(decideKvEntry(entry, 5, same, same), { ...nothing, confirm: same }, 'ours: confirmed')

  assert.deepEqual(decideKvEntry(entry, 5, undefined, undefined), { ...nothing, adopt: true }, "another instance's")

  const squatter = mapping('fd00::9', '198.18.0.2')
  assert.deepEqual(
    decideKvEntry(entry, 5, squatter, undefined),
    { ...nothing, drop: [squatter], adopt: true },
    'we gave the address to another host while NATS was away: NATS wins',
  )

  const local = mapping('fd00::1', '198.18.0.7')
  assert.deepEqual(
    decideKvEntry(entry, 5, undefined, local),
    { ...nothing, drop: [local], adopt: true },
    'we gave the host another address while NATS was away: NATS wins',
  )

  const earlier = mapping('fd00::1', '198.18.0.7', 3)
  assert.deepEqual(
    decideKvEntry(entry, 5, undefined, earlier),
    { ...nothing, erase: [{ ip4: ip4Of('198.18.0.2'), revision: 5 }] },
    'the host has two entries: the later one goes',
  )

  const later = mapping('fd00::1', '198.18.0.7', 8)
  assert.deepEqual(
    decideKvEntry(entry, 5, undefined, later),
    { ...nothing, drop: [later], adopt: true, erase: [{ ip4: ip4Of('198.18.0.7'), revision: 8 }] },
    'the host has two entries: ours is the later one',
  )
})

test('two instances with two entries for one host decide alike', () => {
  const one = { entry: told('fd00::1', '198.18.0.2'), revision: 3 }
  const two = { entry: told('fd00::1', '198.18.0.7'), revision: 8 }
  const mine = (of: typeof one): Mapping => ({ ...mapping('fd00::1', '0.0.0.0', of.revision), ip4: of.entry.ip4 })
  const whoHasOne = decideKvEntry(two.entry, two.revision, undefined, mine(one))
  const whoHasTwo = decideKvEntry(one.entry, one.revision, undefined, mine(two))
  assert.deepEqual(whoHasOne.erase, [{ ip4: two.entry.ip4, revision: 8 }])
  assert.deepEqual(whoHasTwo.erase, whoHasOne.erase)
  assert.equal(whoHasTwo.adopt, true)
})
