import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatIp4, formatIp6 } from '@sixgate/addr'
import { ip4Of } from '../../testkit/core-lab.ts'
import { readMappingsRestore, restoredMappings } from './mappings-restore.ts'

const GOOD = { ip6: 'fd00:6:4::10', ip4: '198.18.0.7', pref64: '64:ff9b::/96' }

describe('the question restore-mappings', () => {
  it('is read', () => {
    const { instance, mappings } = readMappingsRestore({ instance: 'a', mappings: [GOOD] })
    assert.equal(instance, 'a')
    assert.deepEqual(
      mappings.map(({ host, ip4 }) => ({ ip6: formatIp6(host.ip6), ip4: formatIp4(ip4), pref64: host.pref64 })),
      [GOOD],
    )
  })

  for (const body of [
    undefined,
    null,
    [],
    'a',
    { instance: 'a' },
    { mappings: [] },
    { instance: 'a', mappings: [null] },
    { instance: 'a', mappings: [{ ...GOOD, ip6: 'x' }] },
    { instance: 'a', mappings: [{ ...GOOD, ip4: 7 }] },
    { instance: 'a', mappings: [{ ...GOOD, pref64: undefined }] },
    { instance: 'a', mappings: Array.from({ length: 201 }, () => GOOD) },
  ])
    it(`is refused: ${JSON.stringify(body)?.slice(0, 70)}`, () =>
      assert.throws(() => readMappingsRestore(body), /must be \{instance, mappings: .*at most 200/))

  it('answers how many, and which not', () => {
    const [a, b, c] = [ip4Of('198.18.0.7'), ip4Of('198.18.0.8'), ip4Of('198.18.0.9')]
    assert.deepEqual(
      restoredMappings([
        { ip4: a, outcome: 'restored' },
        { ip4: b, outcome: 'unfit' },
        { ip4: c, outcome: 'busy' },
        { ip4: c, outcome: 'already' },
      ]),
      { restored: 1, already: 1, unfit: ['198.18.0.8'], busy: ['198.18.0.9'] },
    )
  })
})
