import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { HEALTH_MAX_AGE_MS, healthWriter, judgeHealth, writeHealth } from './health.ts'
import { createLogger } from './log.ts'

const folder = (t: TestContext): string => {
  const directory = mkdtempSync(join(tmpdir(), 'sixgate-obs-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const NOW_MS = 1_800_000_000_000
const report = (state: string, ageMs: number, ...problems: string[]): string =>
  JSON.stringify({ state, atMs: NOW_MS - ageMs, problems })

const ROWS: readonly (readonly [string, string, boolean, RegExp])[] = [
  ['ok and fresh', report('ok', 0), true, /^ok$/],
  ['ok, just not too old', report('ok', HEALTH_MAX_AGE_MS), true, /^ok$/],
  ['ok and too old', report('ok', HEALTH_MAX_AGE_MS + 1000), false, /11 s old, allowed are 10 s: the service hangs/],
  [
    'degraded',
    report('degraded', 0, 'link lan0: is missing', 'and more'),
    false,
    /^degraded\nlink lan0: is missing\nand more$/,
  ],
  ['starting', report('starting', 0), false, /^starting$/],
  ['empty', '', false, /no health report: ""/],
  ['half', report('ok', 0).slice(0, 20), false, /no health report/],
  ['another shape', '{"state":"ok"}', false, /no health report/],
  ['null', 'null', false, /no health report/],
]

describe('judgeHealth', () => {
  for (const [what, text, healthy, reason] of ROWS) {
    it(`${what}: ${healthy ? 'healthy' : 'unhealthy'}`, () => {
      const verdict = judgeHealth(text, NOW_MS)
      assert.equal(verdict.healthy, healthy)
      assert.match(verdict.reason, reason)
    })
  }

  it('never throws, and takes nothing but a report for healthy', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => !judgeHealth(text, NOW_MS).healthy))
  })
})

describe('the health file', () => {
  it('is made with its folder, replaced in one step, and read back', (t) => {
    const directory = folder(t)
    const file = join(directory, 'run/health.json')
    for (const state of ['starting', 'ok']) writeHealth(file, { state, atMs: NOW_MS, problems: [] })
    assert.ok(judgeHealth(readFileSync(file, 'utf8'), NOW_MS).healthy)
    assert.deepEqual(readdirSync(join(directory, 'run')), ['health.json'])
  })

  it('a writer without a file does nothing, one that fails does not throw', () => {
    const log = createLogger({ service: 'x', instance: 'y', level: 'silent' })
    const health = { state: 'ok', atMs: NOW_MS, problems: [] }
    healthWriter(undefined, log)(health)
    healthWriter('/dev/null/health.json', log)(health)
  })
})

describe('the health check as Docker runs it', () => {
  const run = (env: Record<string, string>) =>
    spawnSync(process.execPath, [join(import.meta.dirname, 'healthcheck.ts')], { env, encoding: 'utf8' })

  it('is 0 for a fresh ok, 1 with the reason otherwise', (t) => {
    const file = join(folder(t), 'health.json')
    writeHealth(file, { state: 'ok', atMs: Date.now() + 60_000, problems: [] })
    assert.deepEqual([run({ HEALTH_FILE: file }).status, run({ HEALTH_FILE: file }).stdout], [0, 'ok\n'])
    writeFileSync(file, JSON.stringify({ state: 'degraded', atMs: Date.now() + 60_000, problems: ['why'] }))
    const degraded = run({ HEALTH_FILE: file })
    assert.deepEqual([degraded.status, degraded.stdout], [1, 'degraded\nwhy\n'])
  })

  it('says when there is no file yet, or none was named', () => {
    const missing = run({ HEALTH_FILE: '/nowhere/health.json' })
    assert.equal(missing.status, 1)
    assert.match(missing.stdout, /\/nowhere\/health\.json.*has not started yet/)
    assert.match(run({}).stdout, /HEALTH_FILE is not set/)
  })
})
