import { structuredPatch } from 'diff'

/** One field that is not the same in two documents; undefined: it is not there. */
export interface FieldChange {
  /** Like `nat64.pool4[0]`. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)

/** What differs between two documents as plain data, field by field, in the order of the older one. */
export const fieldChanges = (before: unknown, after: unknown, path = ''): FieldChange[] => {
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => fieldChanges(before[key], after[key], join(path, key)))
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length)
    return Array.from({ length }, (_, index) => fieldChanges(before[index], after[index], `${path}[${index}]`)).flat()
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }]
}

/** A line of a diff of texts. */
export interface DiffLine {
  readonly kind: 'same' | 'removed' | 'added'
  readonly text: string
}

/** A part of two texts that differs, with lines around it. */
export interface DiffPart {
  /** First line of it in the older and the newer text, from 1; 0 when that has none. */
  readonly oldStart: number
  readonly newStart: number
  readonly lines: readonly DiffLine[]
}

const CONTEXT_LINES = 3
const KINDS: Readonly<Record<string, DiffLine['kind']>> = { ' ': 'same', '-': 'removed', '+': 'added' }

/** Line by line: the parts in which two texts differ; none when they are equal but for line ends. */
export const diffTexts = (before: string, after: string): readonly DiffPart[] => {
  const options = { context: CONTEXT_LINES, stripTrailingCr: true }
  return structuredPatch('', '', before, after, undefined, undefined, options).hunks.map(
    ({ oldStart, newStart, lines }) => ({
      oldStart,
      newStart,
      lines: lines.flatMap((line): DiffLine[] => {
        const kind = KINDS[line.charAt(0)]
        // "\ No newline at end of file" is no line of either text.
        return kind === undefined ? [] : [{ kind, text: line.slice(1) }]
      }),
    }),
  )
}

/** How a line of a diff is marked: with colours on a terminal, or not at all. */
export type PaintLine = (line: string, kind: DiffLine['kind']) => string

export const plainLine: PaintLine = (line) => line

const SGR_OF: Readonly<Record<DiffLine['kind'], string | undefined>> = { same: undefined, removed: '31', added: '32' }

/** ANSI colours (ECMA-48 SGR). */
export const colourfulLine: PaintLine = (line, kind) => {
  const sgr = SGR_OF[kind]
  return sgr === undefined ? line : `\u001b[${sgr}m${line}\u001b[0m`
}

const MARKS: Readonly<Record<DiffLine['kind'], string>> = { same: ' ', removed: '-', added: '+' }

/** The unified format of diff(1), each line ended; empty when there is no difference. */
export const renderDiff = (
  names: { readonly before: string; readonly after: string },
  parts: readonly DiffPart[],
  paint: PaintLine = plainLine,
): string => {
  if (parts.length === 0) return ''
  const body = parts.flatMap(({ oldStart, newStart, lines }) => {
    const olds = lines.filter(({ kind }) => kind !== 'added').length
    const news = lines.filter(({ kind }) => kind !== 'removed').length
    return [
      `@@ -${oldStart},${olds} +${newStart},${news} @@`,
      ...lines.map(({ kind, text }) => paint(`${MARKS[kind]}${text}`, kind)),
    ]
  })
  return [`--- ${names.before}`, `+++ ${names.after}`, ...body, ''].join('\n')
}
