/** One line of `sixgate doctor`. */
export interface Check {
  /** Stable, for programs. */
  readonly id: string
  /** `note`: nothing has to be done now. */
  readonly state: 'ok' | 'note' | 'bad'
  readonly found: string
  /** One command, or one edit of the site document; undefined when nothing is wrong. */
  readonly fix?: string
}

/** Whether nothing has to be mended. */
export const isWell = (checks: readonly Check[]): boolean => checks.every(({ state }) => state !== 'bad')

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
