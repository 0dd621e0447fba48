import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { healthWriter, writeHealth } from './health.ts'
import { createLogger } from './log.ts'

const folder = (t: TestContext): string => {
  const directory = mkdtempSync(join(tmpdir(), 'sixgate-obs-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The health check as Docker runs it: its exit status and what it prints. */
const check = (env: Record<string, string>): { status: number | null; stdout: string } => {
  const { status, stdout, stderr } = spawnSync(join(import.meta.dirname, 'healthcheck.sh'), { env, encoding: 'utf8' })
  assert.equal(stderr, '')
  return { status, stdout }
}

const S = 1000
/** Of this moment; a negative age is a report of the future, which stays fresh for as long as a test may take. */
const report = (state: string, ageMs: number, ...problems: string[]): string =>
  `${JSON.stringify({ state, atMs: Date.now() - ageMs, problems })}\n`

const ROWS: readonly (readonly [what: string, text: () => string, healthy: boolean, said: RegExp])[] = [
  ['ok and fresh', () => report('ok', -60 * S), true, /^ok\n$/],
  ['ok, with a problem that does not count', () => report('ok', -60 * S, 'a "quoted" one'), true, /^ok\n$/],
  [
    'ok and too old',
    () => report('ok', 3600 * S),
    false,
    /^last report is 36\d\d s old, allowed are 10 s: the service hangs\n$/,
  ],
  [
    'degraded',
    () => report('degraded', -60 * S, 'link lan0: is missing'),
    false,
    /"degraded".*"link lan0: is missing"/,
  ],
  ['starting', () => report('starting', -60 * S), false, /"starting"/],
  ['a problem that says ok', () => report('degraded', -60 * S, '","atMs":9,"problems":[]}'), false, /"degraded"/],
  ['empty', () => '', false, /^no health report: \n$/],
  ['half', () => report('ok', -60 * S).slice(0, 20), false, /^no health report: \{"state":"ok"/],
  ['another shape', () => '{"state":"ok"}\n', false, /^no health report/],
  ['a time that is none', () => '{"state":"ok","atMs":1e99,"problems":[]}\n', false, /^no health report/],
  [
    'a time beyond all numbers',
    () => `{"state":"ok","atMs":${'9'.repeat(40)},"problems":[]}\n`,
    false,
    /^no health report/,
  ],
  ['null', () => 'null\n', false, /^no health report: null\n$/],
]

describe('the health check', () => {
  for (const [what, text, healthy, said] of ROWS) {
    it(`${what}: ${healthy ? 'healthy' : 'unhealthy'}`, (t) => {
      const file = join(folder(t), 'health.json')
      writeFileSync(file, text())
      const { status, stdout } = check({ HEALTH_FILE: file })
      assert.match(stdout, said)
      assert.equal(status, healthy ? 0 : 1)
    })
  }

  it('takes nothing but a report for healthy', (t) => {
    const file = join(folder(t), 'health.json')
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.string().map((text) => `{"state":"ok","atMs":${text},"problems":[]}`),
    )
    const isHealthy = (text: string): boolean => {
      writeFileSync(file, text.replaceAll('\0', ''))
      return check({ HEALTH_FILE: file }).status === 0
    }
    fc.assert(
      fc.property(texts, (text) => !isHealthy(text)),
      { numRuns: 50 },
    )
  })

  it('says when there is no file yet, or none was named', () => {
    const { status, stdout } = check({ HEALTH_FILE: '/nowhere/health.json' })
    assert.deepEqual([status, stdout], [1, '/nowhere/health.json: is not there; the service has not started yet\n'])
    assert.match(check({}).stdout, /HEALTH_FILE is not set/)
  })
})

describe('the health file', () => {
  it('is made with its folder, replaced in one step, and read by the check', (t) => {
    const directory = folder(t)
    const file = join(directory, 'run/health.json')
    for (const state of ['starting', 'ok']) writeHealth(file, { state, atMs: Date.now() + 60 * S, problems: [] })
    assert.deepEqual(check({ HEALTH_FILE: file }), { status: 0, stdout: 'ok\n' })
    assert.deepEqual(readdirSync(join(directory, 'run')), ['health.json'])
    // Whatever the order in which the writer was given it.
    writeHealth(file, { problems: [], atMs: 5, state: 'ok' })
    assert.equal(readFileSync(file, 'utf8'), '{"state":"ok","atMs":5,"problems":[]}\n')
  })

  it('a writer without a file does nothing, one that fails does not throw', () => {
    const log = createLogger({ service: 'x', instance: 'y', level: 'silent' })
    const health = { state: 'ok', atMs: Date.now(), problems: [] }
    healthWriter(undefined, log)(health)
    healthWriter('/dev/null/health.json', log)(health)
  })
})
