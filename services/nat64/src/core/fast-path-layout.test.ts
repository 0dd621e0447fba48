import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { layoutHeader, offsetOf } from './fast-path-layout.ts'

test('bpf/layout.h is what the tables say (else: node services/nat64/src/testkit/write-layout.ts)', () => {
  assert.equal(readFileSync(new URL('../../bpf/layout.h', import.meta.url), 'utf8'), layoutHeader())
})

test('a field that no table has is a mistake, not an offset', () => {
  assert.throws(() => offsetOf('host6', 'ip6'), /struct host6 has no field ip6/)
})
