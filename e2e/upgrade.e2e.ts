/** `make e2e-upgrade`: services replaced under traffic, images of two versions together, a folder of its own for the site document. */
import { after, describe } from 'node:test'
import { bringUp } from './harness/site-under-test.ts'
import { editSuite } from './suites/edit.ts'
import { rollingSuite } from './suites/rolling.ts'
import { skewSuite } from './suites/skew.ts'

const site = await bringUp()

describe('the simulated site', () => {
  after(() => site.home[Symbol.asyncDispose]())
  describe('rolling restart', () => rollingSuite(site))
  describe('two versions together', () => skewSuite(site))
  describe('a folder of its own for the site document', () => editSuite(site))
})
