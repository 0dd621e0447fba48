import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ip6Of } from '../../testkit/core-lab.ts'
import { HostTable } from './host-table.ts'

const viewOf = (ip6: Uint8Array): DataView => new DataView(Uint8Array.from(ip6).buffer)
const table = (capacity: number, seed = 1): HostTable => new HostTable(new Uint32Array(capacity), seed)

test('finds by both sides; prefixes tell mappings of one host apart', () => {
  const hosts = table(4)
  hosts.install(2, ip6Of('fd00::1'), 0, 0xc6120005 | 0)
  hosts.install(0, ip6Of('fd00::1'), 1, 0xc6120006 | 0)
  const view = viewOf(ip6Of('fd00::1'))
  assert.equal(hosts.find6(view, 0, 0), 2)
  assert.equal(hosts.find6(view, 0, 1), 0)
  assert.equal(hosts.find6(view, 0, 2), -1)
  assert.equal(hosts.find4(0xc6120006 | 0), 0)
  assert.equal(hosts.find4(0xc6120007 | 0), -1)
  assert.equal(hosts.prefOf(0), 1)
  const out = new DataView(new ArrayBuffer(16))
  hosts.writeIp6(2, out, 0)
  assert.deepEqual(new Uint8Array(out.buffer), Uint8Array.from(ip6Of('fd00::1')))
})

test('a slot in use, or none at all, is refused', () => {
  const hosts = table(2)
  hosts.install(0, ip6Of('fd00::1'), 0, 1)
  assert.throws(() => hosts.install(0, ip6Of('fd00::2'), 0, 2), RangeError)
  assert.throws(() => hosts.install(2, ip6Of('fd00::2'), 0, 2), RangeError)
  assert.throws(() => hosts.install(-1, ip6Of('fd00::2'), 0, 2), RangeError)
})

test('a table without slots finds nothing', () => {
  const hosts = table(0)
  assert.equal(hosts.find4(1), -1)
  assert.equal(hosts.find6(viewOf(ip6Of('::')), 0, 0), -1)
})

test('any order of installs and removals = a Map', () => {
  const CAPACITY = 24
  // Few addresses, so that runs of colliding buckets come and go.
  const stepArb = fc.tuple(fc.nat(CAPACITY - 1), fc.nat(40), fc.nat(1))
  fc.assert(
    fc.property(fc.array(stepArb, { maxLength: 200 }), fc.integer(), (steps, seed) => {
      const hosts = table(CAPACITY, seed)
      const model = new Map<number, { ip6: Uint8Array; pref: number; ip4: number }>()
      for (const [slot, number, pref] of steps) {
        const ip6 = ip6Of(`fd00::${number.toString(16)}`)
        const isKnown = [...model.values()].some((one) => one.ip6.join() === ip6.join() && one.pref === pref)
        if (model.has(slot)) {
          hosts.remove(slot)
          model.delete(slot)
        } else if (!isKnown) {
          const ip4 = 0x0a000000 + number * 2 + pref
          hosts.install(slot, ip6, pref, ip4)
          model.set(slot, { ip6, pref, ip4 })
        }
        assert.equal(hosts.size, model.size)
        for (const [slot, { ip6, pref, ip4 }] of model) {
          assert.equal(hosts.find6(viewOf(ip6), 0, pref), slot)
          assert.equal(hosts.find4(ip4), slot)
        }
      }
      for (let number = 0; number <= 40; number++)
        for (const pref of [0, 1]) {
          const isThere = [...model.values()].some((one) => one.ip4 === 0x0a000000 + number * 2 + pref)
          assert.equal(hosts.find4(0x0a000000 + number * 2 + pref) >= 0, isThere)
        }
    }),
  )
})

test('65,536 mappings', () => {
  const hosts = table(65_536, 99)
  const ip6 = ip6Of('fd00::').slice()
  for (let slot = 0; slot < 65_536; slot++) {
    new DataView(ip6.buffer).setUint16(14, slot)
    hosts.install(slot, ip6, 0, 0x0a000000 + slot)
  }
  for (let slot = 0; slot < 65_536; slot += 97) {
    new DataView(ip6.buffer).setUint16(14, slot)
    assert.equal(hosts.find6(viewOf(ip6), 0, 0), slot)
    assert.equal(hosts.find4(0x0a000000 + slot), slot)
  }
  assert.equal(hosts.find4(0x0a010000), -1)
})
