import { lineOf } from './commands.ts'

/** First line of a reply (RFC 959 §4.2), or one of its further lines. */
export interface ReplyLine {
  /** Three digits. */
  readonly code: string
  /** Further lines follow until one begins with the code and a space. */
  readonly goesOn: boolean
}

/** `undefined`: no line that begins a reply, or ends one. */
export const readReplyLine = (text: string): ReplyLine | undefined => {
  const match = /^([1-6]\d\d)([ -]|$)/.exec(text)
  const [, code, separator] = match ?? []
  return code === undefined ? undefined : { code, goesOn: separator === '-' }
}

/** An IPv4 address and a port. */
export interface Endpoint4 {
  /** Unsigned. */
  readonly ip4: number
  readonly port: number
}

/** RFC 959 §4.1.2, RFC 1123 §4.1.2.6: six numbers somewhere in the text of a 227 reply, with or without parentheses. */
export const readPassiveReply = (text: string): Endpoint4 | undefined => {
  const match = /(?<!\d)(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})(?!\d)/.exec(text)
  const numbers = match?.slice(1).map(Number)
  if (numbers === undefined || numbers.some((number) => number > 255)) return undefined
  const [a = 0, b = 0, c = 0, d = 0, high = 0, low = 0] = numbers
  const port = high * 256 + low
  return port === 0 ? undefined : { ip4: ((a << 24) | (b << 16) | (c << 8) | d) >>> 0, port }
}

const LONGEST_FIRST = ['229 Entering Extended Passive Mode', '229 Extended Passive Mode', '229 EPSV', '229']

/**
 * RFC 2428 §3: the reply to EPSV for a port. As long as the line that it replaces where that is possible (blanks fill it
 * up), so that no number of the connection moves: a passive transfer survives even the loss of all state.
 */
export const extendedPassiveReply = (port: number, lineBytes: number): Uint8Array => {
  const end = `(|||${port}|)`
  const room = lineBytes - 2
  for (const words of LONGEST_FIRST)
    if (words.length + 1 + end.length <= room) return lineOf(`${words.padEnd(room - end.length)}${end}`)
  return lineOf(`229 ${end}`)
}
