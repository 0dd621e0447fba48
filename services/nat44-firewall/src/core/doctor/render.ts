import type { Check } from './host-report.ts'

const WORD = { ok: 'ok', note: 'note', bad: 'BAD' } as const
const STATE_WIDTH = 4
const ID_WIDTH = 12

/** One line per check; under it, what to do. */
export const renderChecks = (checks: readonly Check[]): string =>
  checks
    .map(({ id, state, found, fix }) => {
      const line = `${WORD[state].padEnd(STATE_WIDTH)}  ${id.padEnd(ID_WIDTH)}  ${found}\n`
      return fix === undefined ? line : `${line}${' '.repeat(STATE_WIDTH + 2)}→ ${fix}\n`
    })
    .join('')
