import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { HELP } from './metric-catalogue.ts'

const DEPLOY = join(import.meta.dirname, '../../../../deploy')
const RULES = join(DEPLOY, 'prometheus/sixgate.rules.yml')
const DASHBOARD = join(DEPLOY, 'grafana/sixgate.json')

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}
interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
}

const rules = (parse(readFileSync(RULES, 'utf8')) as Rules).groups.flatMap((group) => group.rules)
const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Dashboard

const QUERIES: readonly (readonly [string, string])[] = [
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [`panel "${title}"`, expr] as const)),
]

const promtool = (...args: string[]) => {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' })
  assert.equal(error, undefined, 'promtool is missing (Debian 13: apt-get install promtool)')
  return { status, said: `${stdout}${stderr}` }
}

describe('alert rules and dashboard', () => {
  it('ask for metrics that there are', () => {
    const names = QUERIES.flatMap(([where, expr]) =>
      [...expr.matchAll(/\bsixgate_([a-z0-9_]+)/g)].map(([, name = '']) => [where, name] as const),
    )
    assert.ok(names.length > QUERIES.length / 2)
    for (const [where, name] of names) assert.ok(Object.hasOwn(HELP, name), `${where}: sixgate_${name}`)
  })

  it('promtool takes the rules', () => {
    const { status, said } = promtool('check', 'rules', '--lint=all', '--lint-fatal', RULES)
    assert.equal(status, 0, said)
    assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`))
  })

  it('promtool can read every query of the dashboard', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'queries-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'rules.yml')
    const recorded = panels
      .flatMap(({ targets }) => targets)
      .map(({ expr }, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll('$__rate_interval', '5m'),
      }))
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: recorded }] }))
    const { status, said } = promtool('check', 'rules', file)
    assert.equal(status, 0, said)
  })
})
