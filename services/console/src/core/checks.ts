import type { ServiceName, Status } from '@sixgate/bus'
import { SILENT_MS } from './convergence.ts'

/** One line of `sixgate doctor`, as nat44-firewall answers to `checks`. */
export interface Check {
  readonly id: string
  readonly state: 'ok' | 'note' | 'bad'
  readonly found: string
  /** What to do about it, in one command. */
  readonly fix?: string
}

export const isWell = (checks: readonly Check[]): boolean => checks.every(({ state }) => state !== 'bad')

/** What the services say about themselves: one check for each, and one for each problem. */
export const problemChecks = (
  reports: readonly Status[],
  services: readonly ServiceName[],
  nowMs: number,
): readonly Check[] =>
  services.flatMap((service): readonly Check[] => {
    const own = reports.filter((report) => report.service === service && nowMs - report.atMs < SILENT_MS)
    const logs = `docker compose logs --tail 50 ${service}`
    if (own.length === 0)
      return [{ id: service, state: 'bad', found: 'does not run', fix: `docker compose up --detach ${service}` }]
    const problems = own.flatMap(({ problems: told }) => told)
    if (problems.length > 0)
      // Messages of problems say themselves what to do; where more is wanted, the log has it.
      return problems.map(({ code, message }) => ({
        id: service,
        state: 'bad',
        found: `${code}: ${message}`,
        fix: logs,
      }))
    const other = own.find(({ state }) => state !== 'ok')
    return other === undefined
      ? [{ id: service, state: 'ok', found: own.length === 1 ? 'runs' : `${own.length} instances run` }]
      : [{ id: service, state: 'note', found: `is ${other.state}`, fix: logs }]
  })

const WORD = { ok: 'ok', note: 'note', bad: 'BAD' } as const
const STATE_WIDTH = 4
const ID_WIDTH = 14

/** One line per check; under it, what to do. */
export const renderChecks = (checks: readonly Check[]): string =>
  checks
    .map(({ id, state, found, fix }) => {
      const line = `${WORD[state].padEnd(STATE_WIDTH)}  ${id.padEnd(ID_WIDTH)}  ${found}\n`
      return fix === undefined ? line : `${line}${' '.repeat(STATE_WIDTH + 2)}→ ${fix}\n`
    })
    .join('')
