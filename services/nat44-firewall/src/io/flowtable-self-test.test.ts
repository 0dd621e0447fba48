import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { takesFlowtable } from './flowtable-self-test.ts'

const skip = enterNamespace()

/** What the kernel was built with; undefined: it does not say. */
const isBuiltIn = (): boolean | undefined => {
  try {
    return /^CONFIG_NF_FLOW_TABLE=/m.test(gunzipSync(readFileSync('/proc/config.gz')).toString())
  } catch {
    return undefined
  }
}

test('the self-test of flowtables says what the kernel was built with, and loads nothing', { skip }, async (t) => {
  Namespace.here().ip('link set lo up')
  const takes = await takesFlowtable(['lo'])
  assert.equal(Namespace.here().sh('nft', 'list', 'ruleset'), '')
  const built = isBuiltIn()
  if (built === undefined) t.skip('this kernel does not tell its configuration')
  // A kernel that has them still may not have them for loopback.
  else if (built) t.diagnostic(`flowtable on lo: ${takes}`)
  else assert.equal(takes, false)
})

test('a link that is not there takes none', { skip }, async () => {
  assert.equal(await takesFlowtable(['nosuch0']), false)
})
