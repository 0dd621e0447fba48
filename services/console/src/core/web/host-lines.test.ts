import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSite } from '@sixgate/site'
import type { Host } from '../hosts.ts'
import { hostLines, namesOf } from './host-lines.ts'

const NOTHING = { packets: 0, bytes: 0 }
const BY_PATH = { fastPath: NOTHING, typescript: NOTHING }
const host = (ip6: string, ip4: string): Host => ({
  ip6,
  ip4,
  pref64: '64:ff9b::/96',
  idleS: 1,
  out: BY_PATH,
  in: BY_PATH,
})

test('a mapping gets the MAC, all addresses and a name of its host; a host without mapping is there too', () => {
  const lines = hostLines(
    [host('fd00::10', '198.18.0.1'), host('fd00::99', '198.18.0.2')],
    [
      [
        { mac: '02:00:00:00:00:01', addresses: ['fe80::1', 'fd00::10', 'fd00::11'] },
        { mac: '02:00:00:00:00:02', addresses: ['fe80::2'] },
        { mac: '02:00:00:00:00:03', addresses: ['fe80::3'], isRouter: true },
        { anotherVersion: true },
      ],
      null,
    ],
    new Map([['fd00::11', 'printer.home.arpa']]),
  )
  assert.deepEqual(
    lines.map(({ name, mac, ip4, addresses }) => [name, mac, ip4, addresses.length]),
    [
      ['printer.home.arpa', '02:00:00:00:00:01', '198.18.0.1', 3],
      [null, null, '198.18.0.2', 1],
      [null, '02:00:00:00:00:02', null, 1],
    ],
  )
})

test('a mapping of a CLAT is marked as likely one', () => {
  // 192.0.0.4 with 64:ff9b::/96: c000 + 4 = fd00 + 6 + 4 + the interface identifier + 64 + ff9b, as one's complement sums.
  const lines = hostLines([host('fd00:6:4::c2f9', '198.18.0.1'), host('fd00:6:4::c2f0', '198.18.0.2')], [], new Map())
  assert.deepEqual(
    lines.map(({ ip4, isLikelyClat }) => [ip4, isLikelyClat]),
    [
      ['198.18.0.1', true],
      ['198.18.0.2', false],
    ],
  )
})

test('names come from AAAA records of the document, in whatever spelling', () => {
  const site = parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64' },
    pref64: ['64:ff9b::/96'],
    nat64: { pool4: ['198.18.0.0/16'] },
    dns64: {
      records: [
        { name: 'printer.home.arpa', type: 'AAAA', data: 'FD00:1:2:3:0::10' },
        { name: 'other.home.arpa', type: 'A', data: '192.0.2.1' },
      ],
    },
  })
  assert.deepEqual([...namesOf(site)], [['fd00:1:2:3::10', 'printer.home.arpa']])
})
