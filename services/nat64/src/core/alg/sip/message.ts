import { type LiteralSwap, swapHosts, swapSdp } from './literals.ts'

/** Header fields that carry the addresses of nodes; compact forms of RFC 3261 §7.3.3 and RFC 3515, RFC 3892 beside them. */
const ADDRESS_FIELDS: ReadonlySet<string> = new Set([
  'via',
  'v',
  'contact',
  'm',
  'from',
  'f',
  'to',
  't',
  'route',
  'record-route',
  'path',
  'service-route',
  'p-asserted-identity',
  'p-preferred-identity',
  'p-associated-uri',
  'remote-party-id',
  'reply-to',
  'refer-to',
  'r',
  'referred-by',
  'b',
  'diversion',
  'history-info',
])

const REQUEST = /^[A-Za-z0-9\-.!%*_+`'~]+ \S+ SIP\/2\.0$/
const RESPONSE = /^SIP\/2\.0 [1-6]\d\d /
const HEAD_END = '\r\n\r\n'

/** Where a message ends, as far as its header says. */
export interface Extent {
  /** Octets of start line, header fields and the empty line. */
  readonly headBytes: number
  /** Content-Length; `undefined`: it has none. */
  readonly bodyBytes: number | undefined
}

/** True for a line that begins a SIP/2.0 message. */
export const isStartLine = (line: string): boolean => REQUEST.test(line) || RESPONSE.test(line)

/** Reads where the message at the start of `text` ends; `undefined`: its header is not whole. */
export const extentOf = (text: string): Extent | undefined => {
  const end = text.indexOf(HEAD_END)
  if (end < 0) return undefined
  const match = /\r\n(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*(?=\r\n)/i.exec(text.slice(0, end + 2))
  return { headBytes: end + HEAD_END.length, bodyBytes: match === null ? undefined : Number(match[1]) }
}

/** What stands behind the header of a whole message; empty: nothing. */
export const bodyOf = (text: string): string => {
  const end = text.indexOf(HEAD_END)
  return end < 0 ? '' : text.slice(end + HEAD_END.length)
}

/**
 * RFC 3261 message `text`, whole, with its addresses in the other family, and Content-Length as long as its body is then.
 * `undefined`: it is no SIP message.
 */
export const swapMessage = (text: string, swap: LiteralSwap): string | undefined => {
  const extent = extentOf(text)
  if (extent === undefined) return undefined
  const lines = text.slice(0, extent.headBytes - HEAD_END.length).split('\r\n')
  const [start = ''] = lines
  if (!isStartLine(start)) return undefined
  const body = text.slice(extent.headBytes)
  const newBody = hasDescription(lines, body) ? swapSdp(body, swap) : body
  const head = joinFolded(lines.slice(1)).map((field) => swapField(field, swap, newBody.length))
  return [swapHosts(start, swap), ...head, '', newBody].join('\r\n')
}

/** RFC 3261 §7.3.1: a line that begins with white space goes on with the field before it. */
const joinFolded = (lines: readonly string[]): string[] => {
  const fields: string[] = []
  for (const line of lines) {
    const last = fields.at(-1)
    if (last !== undefined && /^[ \t]/.test(line)) fields[fields.length - 1] = `${last}\r\n${line}`
    else fields.push(line)
  }
  return fields
}

const swapField = (field: string, swap: LiteralSwap, bodyBytes: number): string => {
  const colon = field.indexOf(':')
  if (colon < 0) return field
  const name = field.slice(0, colon).trim().toLowerCase()
  if (name === 'content-length' || name === 'l') return `${field.slice(0, colon)}: ${bodyBytes}`
  if (!ADDRESS_FIELDS.has(name)) return field
  return field.slice(0, colon + 1) + swapHosts(field.slice(colon + 1), swap)
}

/** A body that is a session description, or has one inside. */
const hasDescription = (lines: readonly string[], body: string): boolean => {
  const type = lines.find((line) => /^(?:content-type|c)[ \t]*:/i.test(line))
  return type === undefined ? body.startsWith('v=0') : /application\/sdp|multipart\//i.test(type)
}
