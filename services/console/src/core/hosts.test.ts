import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Host, hostRows, macsOf, mergePages } from './hosts.ts'

const NONE = { packets: 0, bytes: 0 }
const host = (ip4: string, more: Partial<Host> = {}): Host => ({
  ip6: `fd00::${ip4.split('.').at(-1)}`,
  ip4,
  pref64: '64:ff9b::/96',
  idleS: 5,
  out: { fastPath: NONE, typescript: NONE },
  in: { fastPath: NONE, typescript: NONE },
  ...more,
})

describe('hosts of several instances', () => {
  it('are one list; what each instance carried is added up', () => {
    const carried = { fastPath: { packets: 1, bytes: 10 }, typescript: { packets: 2, bytes: 20 } }
    const twice = { fastPath: { packets: 2, bytes: 20 }, typescript: { packets: 4, bytes: 40 } }
    const { hosts, after } = mergePages([
      { hosts: [host('198.18.0.2', { out: carried, idleS: 7 }), host('198.18.0.9')], more: false },
      { hosts: [host('198.18.0.2', { out: carried, in: carried, idleS: 3 }), host('198.18.0.10')], more: false },
    ])
    assert.equal(after, undefined)
    assert.deepEqual(hosts, [
      host('198.18.0.2', { out: twice, in: carried, idleS: 3 }),
      host('198.18.0.9'),
      host('198.18.0.10'),
    ])
  })

  it('are taken page by page, as far as every instance told', () => {
    const { hosts, after } = mergePages([
      { hosts: [host('198.18.0.2'), host('198.18.0.9')], more: true },
      { hosts: [host('198.18.0.2'), host('198.18.0.10')], more: true },
      { hosts: [host('198.18.0.2')], more: false },
    ])
    assert.equal(after, '198.18.0.9')
    assert.deepEqual(
      hosts.map(({ ip4 }) => ip4),
      ['198.18.0.2', '198.18.0.9'],
    )
  })

  it('are none when nobody has any', () => {
    assert.deepEqual(mergePages([]), { hosts: [], after: undefined })
    assert.deepEqual(mergePages([{ hosts: [], more: false }]), { hosts: [], after: undefined })
  })
})

describe('the table of sixgate hosts', () => {
  it('has a row for each host, with its MAC when it is known', () => {
    const carried = { fastPath: { packets: 3, bytes: 1_230_000 }, typescript: { packets: 1, bytes: 60 } }
    const rows = hostRows(
      [host('198.18.0.2', { out: carried }), host('198.18.0.9')],
      macsOf([[{ mac: '02:00:00:00:00:02', addresses: ['fe80::2', 'fd00::2'], more: 1 }, 7, { mac: 1 }], null, 'x']),
      (ms) => `${ms} ms`,
    )
    assert.deepEqual(rows.slice(1), [
      [
        'fd00::2',
        '02:00:00:00:00:02',
        '198.18.0.2',
        '64:ff9b::/96',
        '-',
        '4 (1.23 MB)',
        '0 (0 B)',
        '75 %',
        '5000 ms ago',
      ],
      ['fd00::9', '-', '198.18.0.9', '64:ff9b::/96', '-', '0 (0 B)', '0 (0 B)', '-', '5000 ms ago'],
    ])
  })
})
