import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger } from '@sixgate/obs'
import { LastKnownGood } from './last-known-good.ts'
import { offerOf } from './offer.ts'
import { openNatsSite } from './site-source.ts'

const DOCUMENT = {
  lan: { interface: 'lan0', prefix: 'fd00:6::/64' },
  pref64: ['64:ff9b::/96'],
  nat64: { pool4: ['198.18.0.0/16'] },
}

test('a document that cannot be kept on disk is a problem until it can', async (context) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'bus-source-'))
  context.after(() => rmSync(stateDir, { recursive: true }))
  const log = createLogger({ service: 'dns64', instance: 'test', level: 'silent' })
  // Nothing listens on the discard port: a source works without NATS.
  const options = { url: 'nats://127.0.0.1:9', seedFile: '/nowhere', service: 'dns64', instance: 'test', log } as const
  const source = openNatsSite(options, new LastKnownGood(stateDir), undefined)
  context.after(() => source.close())
  assert.deepEqual(source.keep(), [])
  const inTheWay = join(stateDir, 'last-known-good.json.next')
  mkdirSync(inTheWay)
  source.applied(offerOf(7, JSON.stringify(DOCUMENT)))
  const [problem] = source.keep()
  assert.equal(problem?.code, 'state-unwritable')
  assert.match(problem?.message ?? '', /last-known-good\.json.*make STATE_DIR writable/)
  assert.equal(source.keep().length, 1)
  rmSync(inTheWay, { recursive: true })
  assert.deepEqual(source.keep(), [])
  assert.equal((await new LastKnownGood(stateDir).load())?.revision, 7)
})
