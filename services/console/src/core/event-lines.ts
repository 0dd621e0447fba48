import type { SiteEvent } from '@sixgate/bus/names'
import { printable } from './columns.ts'

/** How a line is marked by its level: with colours on a terminal, or not at all. */
export type PaintEvent = (text: string, level: SiteEvent['level']) => string

export const plainEvent: PaintEvent = (text) => text

/** ANSI colours (ECMA-48 SGR): what wants a look is yellow. */
export const colourfulEvent: PaintEvent = (text, level) => (level === 'warn' ? `\u001b[33m${text}\u001b[0m` : text)

/** `2026-01-31 12:00:00  nat64  takeover  what happened`, ended; `time` as it is to be shown. Further lines are indented. */
export const eventLine = (event: SiteEvent, time: string, paint: PaintEvent): string => {
  const { service, kind, level, message } = event
  const head = `${time}  ${service.padEnd(14)}  ${printable(kind).padEnd(18)}  `
  return `${paint(`${head}${printable(message).replaceAll('\n', '\n    ')}`, level)}\n`
}
