import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HELP } from '../../services/console/src/core/metric-catalogue.ts'
import { parseExposition } from '../../services/console/src/testkit/exposition.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'

/** Only while something is wrong. */
const SELDOM = ['service_problem']

/** What the real services count, against what the console says of it: alert rules and dashboard are held against the same list. */
export function metricsSuite({ stack }: SiteUnderTest): void {
  it('every metric of a site that is well is described, and every metric that is described is there', async () => {
    const { stdout, stderr } = await stack.sixgate(['metrics'])
    const names = new Set(parseExposition(stdout).map(({ name }) => name.replace(/^sixgate_/, '')))
    const described = new Set(Object.keys(HELP))
    assert.deepEqual([...names.difference(described)], [], 'not described')
    assert.deepEqual(
      [...described.difference(names)].filter((name) => !SELDOM.includes(name)),
      [],
      `not there\n${stderr}`,
    )
  })

  it('no label holds a name or an address of the site', async () => {
    const { stdout } = await stack.sixgate(['metrics'])
    const values = parseExposition(stdout).flatMap(({ labels }) => Object.entries(labels))
    for (const [label, value] of values) {
      assert.ok(['service', 'instance', 'reason', 'version'].includes(label), label)
      assert.doesNotMatch(value, /[:/]|\d+\.\d+\.\d+\.\d+|example/, label)
    }
  })
}
