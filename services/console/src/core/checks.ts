import type { ServiceName, Status } from '@sixgate/bus/names'
import type { Check } from '@sixgate/obs/checks'
import { SILENT_MS } from './convergence.ts'

/** What the services of one gateway (undefined: the only one) say about themselves: one check for each, and one for each problem. */
export const problemChecks = (
  reports: readonly Status[],
  services: readonly ServiceName[],
  nowMs: number,
  gateway?: string,
): readonly Check[] =>
  services.flatMap((service): readonly Check[] => {
    const own = reports.filter(
      (report) => report.service === service && report.gateway === gateway && nowMs - report.atMs < SILENT_MS,
    )
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
