import { Writer } from './wire-cursor.ts'

/** RFC 9460 §14.3.2, RFC 9461 §5: keys of service parameters. */
const KEY = { ALPN: 1, PORT: 3, DOHPATH: 7 } as const

/** How to speak to an encrypted resolver. */
export interface SvcParams {
  /** Protocols by their ALPN identifiers, the preferred one first: `dot`, `doq`, `h2`, `h3`. */
  readonly alpn: readonly string[]
  /** undefined = the protocol's own. */
  readonly port: number | undefined
  /** URI template of DNS over HTTPS, e.g. `/dns-query{?dns}`. */
  readonly dohPath: string | undefined
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

const param = (key: number, value: Uint8Array, out: Writer): void => {
  out.u16(key).u16(value.length).bytes(value)
}

/**
 * Writes service parameters, keys ascending (RFC 9460 §2.2):
 * ```
 * params = *( key:u16 valueLen:u16 value )
 * alpn   = 1*( idLen:u8 id )        port = u16        dohpath = text     (RFC 9460 §7, RFC 9461 §5)
 * ```
 * Address hints are not written: RFC 9463 §3.1.5 forbids them beside the addresses of the option.
 */
export const encodeSvcParams = ({ alpn, port, dohPath }: SvcParams): Uint8Array => {
  const out = new Writer('service parameters')
  const ids = new Writer('alpn')
  for (const id of alpn) ids.u8(id.length).bytes(ascii(id))
  param(KEY.ALPN, ids.done(), out)
  if (port !== undefined) param(KEY.PORT, new Writer('port').u16(port).done(), out)
  if (dohPath !== undefined) param(KEY.DOHPATH, ascii(dohPath), out)
  return out.done()
}
