import assert from 'node:assert/strict'
import { converged } from '../harness/site-status.ts'
import type { Stack } from '../harness/stack.ts'
import { WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from './facts.ts'
import { recordData } from './parse.ts'
import type { Chapter, Step } from './step.ts'

/** The AAAA record that the zone itself has (e2e/images/internet/zones/example). */
const NATIVE = '2001:db8:80::80'

/** The owner edits the site document; the next step comes when every service has taken the new one over. */
function edit(stack: Stack, why: string, exclude: string): Step {
  let before = 0
  return {
    at: 'pi',
    why,
    line: `sed -i 's/exclude: .*/exclude: ${exclude}/' site.yaml`,
    prepare: async () => {
      before = (await converged(stack)).revision
    },
    check: ({ code }) => {
      assert.equal(code, 0)
      return 'saved: the console publishes it, every service follows'
    },
    settle: async () => {
      await converged(stack, before)
    },
  }
}

function dual(why: string, expected: string, shows: string): Step {
  return {
    at: 'client',
    why,
    line: 'dig +noall +answer dual.example AAAA',
    check: ({ output }) => {
      assert.deepEqual(recordData(output, 'AAAA'), [expected])
      return shows
    },
  }
}

/** A dual-stack name, with and without the exclusion; the document is the same before and after. */
export const dualStack = (stack: Stack): Chapter => ({
  title: 'A name with an IPv6 address of its own',
  steps: [
    dual(
      'An IPv4-only uplink cannot reach native IPv6, so such addresses are hidden (exclude: auto is ::/0 here).',
      mapped(WEB_ADDRESSES[0]),
      `mapped: ${mapped(WEB_ADDRESSES[0])}, not ${NATIVE}`,
    ),
    edit(stack, 'A site with an IPv6 uplink would hide nothing. One line in the site document:', '[]'),
    dual('The same question again.', NATIVE, 'native: the address of its own'),
    edit(stack, 'And back.', 'auto'),
    dual('', mapped(WEB_ADDRESSES[0]), 'mapped again'),
  ],
})
