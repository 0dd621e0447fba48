import type { Status } from '@sixgate/bus/names'
import type { SiteOverview } from './convergence.ts'

/** How states are marked: with colours on a terminal, or not at all. */
export type Paint = (text: string, state: Status['state'] | 'gone') => string

export const plain: Paint = (text) => text

const SGR = { green: 32, yellow: 33, red: 31 } as const
const COLOURS: Readonly<Record<Status['state'] | 'gone', number>> = {
  ok: SGR.green,
  starting: SGR.yellow,
  stopping: SGR.yellow,
  degraded: SGR.yellow,
  rejected: SGR.red,
  gone: SGR.red,
}

/** ANSI colours (ECMA-48 SGR). */
export const colourful: Paint = (text, state) => `\u001b[${COLOURS[state]}m${text}\u001b[0m`

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
]

/** A duration in its largest unit: `3 min`. */
export const showAge = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ['s', 1]
  return `${Math.floor(seconds / size)} ${unit}`
}

const HEAD = ['SERVICE', 'INSTANCE', 'REVISION', 'STATE', 'UP'] as const

interface Row {
  readonly cells: readonly string[]
  readonly state: Status['state'] | 'gone'
  readonly problems: readonly string[]
}

const rowOf = (status: Status, current: number, nowMs: number): Row => ({
  cells: [
    status.service,
    status.instance,
    status.revision === current ? String(current) : `${status.revision} (not ${current})`,
    status.state,
    showAge(nowMs - status.startedAtMs),
  ],
  state: status.state,
  problems: status.problems.map(({ code, message }) => `${code}: ${message.replaceAll('\n', '\n    ')}`),
})

/** The table that `sixgate status` prints: a row per instance, problems with their fix below it. */
export const renderStatus = (overview: SiteOverview, nowMs: number, paint: Paint): string => {
  const rows = overview.services.flatMap(({ service, instances }): Row[] =>
    instances.length === 0
      ? [
          {
            cells: [service, '-', '-', 'gone', '-'],
            state: 'gone',
            problems: [`gone: it does not report; see: docker compose ps ${service}`],
          },
        ]
      : instances.map((status) => rowOf(status, overview.revision, nowMs)),
  )
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const title =
    overview.revision === 0
      ? 'no document was published yet'
      : `site document: revision ${overview.revision}, ${overview.isConverged ? 'in force everywhere' : 'not in force everywhere'}`
  const body = rows.flatMap(({ cells, state, problems }) => [
    paint(line(cells), state),
    ...problems.map((problem) => `    ${problem}`),
  ])
  return [title, '', line(HEAD), ...body, ''].join('\n')
}
