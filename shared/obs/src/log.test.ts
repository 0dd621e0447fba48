import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Counters } from './counters.ts'

const run = (code: string): Record<string, unknown>[] => {
  const script = `import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))}\n${code}`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('a logger', () => {
  it('writes one JSON object per line with service, instance, the revision of that moment, level and time', () => {
    const lines = run(`
      let revision = 0
      const log = createLogger({ service: 'nat64', instance: 'a', revision: () => revision })
      log.info('one')
      revision = 7
      log.warn({ code: 'x' }, 'two')
      log.debug('not shown')`)
    assert.deepEqual(
      lines.map(({ time: _time, ...line }) => line),
      [
        { level: 'info', service: 'nat64', instance: 'a', revision: 0, msg: 'one' },
        { level: 'warn', service: 'nat64', instance: 'a', revision: 7, code: 'x', msg: 'two' },
      ],
    )
    assert.match(String(lines[0]?.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  })

  it('the last line before an exit is not lost', () => {
    const lines = run(`
      createLogger({ service: 'nat64', instance: 'a' }).fatal({ err: new Error('why') }, 'the end')
      process.exit(1)`)
    assert.equal(lines[0]?.msg, 'the end')
    assert.equal((lines[0].err as { message: string }).message, 'why')
  })
})

describe('counters', () => {
  it('start at 0, count, hold gauges, and hand out copies', () => {
    const counters = new Counters(['queries_total', 'cache_entries'])
    const before = counters.snapshot()
    counters.add('queries_total')
    counters.add('queries_total', 2)
    counters.set('cache_entries', 5)
    assert.deepEqual(before, { queries_total: 0, cache_entries: 0 })
    assert.deepEqual(counters.snapshot(), { queries_total: 3, cache_entries: 5 })
  })
})
