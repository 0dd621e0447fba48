import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostsOf, ip6Of } from '../../testkit/core-lab.ts'
import { HostTable } from './host-table.ts'
import { buffersOf, installPacked, packHosts } from './packed-hosts.ts'

test('mappings in a table are those that were packed, also after a change of threads', () => {
  const hosts = [...hostsOf({}), { slot: 7, ip6: ip6Of('fd00::1'), pref: 3, ip4: 0xc612_ffff }]
  const packed = packHosts(hosts, 5)
  const moved = structuredClone(packed, { transfer: buffersOf(packed) })
  const table = new HostTable(new Uint32Array(8), 1)
  installPacked(table, moved)
  assert.equal(table.size, hosts.length)
  for (const { slot, ip6, pref, ip4 } of hosts) {
    assert.equal(table.find6(new DataView(ip6.slice().buffer), 0, pref), slot)
    assert.equal(table.find4(ip4 | 0), slot)
    assert.equal(table.prefOf(slot), pref)
  }
})

test('no mappings, and too many', () => {
  installPacked(new HostTable(new Uint32Array(1), 1), packHosts([], 0))
  assert.throws(() => packHosts(hostsOf({}), 1), /more than 1 mappings/)
})
