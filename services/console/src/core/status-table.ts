import { alignColumns, joinCells, printable } from './columns.ts'
import type { InstanceOverview, InstanceState, SiteOverview } from './convergence.ts'

/** How a text is marked by its state: with colours on a terminal, or not at all. */
export type Paint = (text: string, state: InstanceState) => string

export const plain: Paint = (text) => text

const SGR = { green: 32, yellow: 33, red: 31 } as const
const COLOURS: Readonly<Record<InstanceState, number>> = {
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

const HEAD = ['SERVICE', 'INSTANCE', 'REVISION', 'STATE', 'SINCE'] as const

const cellsOf = (row: InstanceOverview, current: number, nowMs: number): readonly string[] => [
  row.service,
  row.instance ?? '-',
  row.instance === undefined ? '-' : `${row.revision} of ${current}`,
  row.state,
  row.sinceMs === undefined ? '-' : showAge(nowMs - row.sinceMs),
]

const titleOf = ({ revision, documentProblem, isConverged }: SiteOverview): string => {
  const wrong = documentProblem !== undefined
  if (revision === 0) return `no site document was published yet${wrong ? ': it has a mistake, see console' : ''}`
  const newer = wrong ? '; a newer one has a mistake, see console' : ''
  return `site document: revision ${revision}, ${isConverged ? 'in force everywhere' : 'not well everywhere'}${newer}`
}

/** While one service after the other is replaced: who has which version. Nothing when all have the same. */
const versionLine = (rows: readonly InstanceOverview[]): string[] => {
  const live = rows.filter(({ state, version }) => state !== 'gone' && version !== undefined)
  const byVersion = Map.groupBy(live, ({ version }) => version)
  if (byVersion.size < 2) return []
  const parts = [...byVersion].map(
    ([version, those]) => `${version} (${[...new Set(those.map(({ service }) => service))].join(', ')})`,
  )
  return ['', printable(`versions differ: ${parts.join(', ')}`)]
}

/** The table that `sixgate status` prints: a row per instance, below it problems with their fix, and remarks. */
export const renderStatus = (overview: SiteOverview, nowMs: number, paint: Paint): string => {
  // A site of one machine has no names of gateways.
  const hasNames = overview.instances.some(({ gateway }) => gateway !== undefined)
  const named = (gateway: string, cells: readonly string[]): readonly string[] =>
    hasNames ? [gateway, ...cells] : cells
  const rows = overview.instances.map((row) => ({
    ...row,
    cells: named(row.gateway ?? '-', cellsOf(row, overview.revision, nowMs)),
  }))
  const titles = named('GATEWAY', HEAD)
  const stateColumn = titles.indexOf('STATE')
  const [head, ...lines] = alignColumns([titles, ...rows.map(({ cells }) => cells)])
  const body = rows.flatMap(({ state, problems, remarks = [] }, index) => [
    joinCells((lines[index] ?? []).map((cell, column) => (column === stateColumn ? paint(cell, state) : cell))),
    ...[...problems.map(({ message }) => message), ...remarks].map(
      (line) => `    ${printable(line).replaceAll('\n', '\n    ')}`,
    ),
  ])
  return [titleOf(overview), '', joinCells(head ?? []), ...body, ...versionLine(rows), ''].join('\n')
}
