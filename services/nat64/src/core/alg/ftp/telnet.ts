/**
 * Telnet inside the control channel (RFC 854, RFC 959 §4.1.3). RFC 6384 §5: "Telnet option negotiation attempts by either
 * the client or the server … MUST be refused by the FTP ALG without relaying those attempts"; commands such as "interrupt
 * process" and "data mark" go through.
 */
export const TELNET = { WILL: 251, WONT: 252, DO: 253, DONT: 254, IAC: 255 } as const

/** One Telnet sequence at the start of `bytes`. */
export interface TelnetSequence {
  readonly lenBytes: number
  /** It negotiates an option: it is not passed on. */
  readonly isNegotiation: boolean
  /** What the other side would have answered, no; `undefined`: nothing is due. */
  readonly refusal: Uint8Array | undefined
}

/**
 * Reads the sequence that begins with the IAC at `bytes[at]`. `undefined`: its end is missing; `data`: it is an octet 255 of
 * the text.
 */
export const readTelnet = (bytes: Uint8Array, at: number): TelnetSequence | 'data' | undefined => {
  const command = bytes[at + 1]
  if (command === undefined) return undefined
  if (command === TELNET.IAC) return 'data'
  if (command < TELNET.WILL) return { lenBytes: 2, isNegotiation: false, refusal: undefined }
  const option = bytes[at + 2]
  if (option === undefined) return undefined
  const answer = command === TELNET.DO ? TELNET.WONT : command === TELNET.WILL ? TELNET.DONT : undefined
  const refusal = answer === undefined ? undefined : Uint8Array.of(TELNET.IAC, answer, option)
  return { lenBytes: 3, isNegotiation: true, refusal }
}

/** A line without its Telnet sequences. */
export interface PlainLine {
  /** Without any sequence, for reading. */
  readonly text: Uint8Array
  /** Without negotiations, for passing on; `undefined`: there were none. */
  readonly kept: Uint8Array | undefined
  readonly refusals: readonly Uint8Array[]
}

/** Takes Telnet sequences out of a whole line. */
export const withoutTelnet = (line: Uint8Array): PlainLine => {
  if (!line.includes(TELNET.IAC)) return { text: line, kept: undefined, refusals: [] }
  const text: number[] = []
  const kept: number[] = []
  const refusals: Uint8Array[] = []
  for (let at = 0; at < line.length; ) {
    const sequence = line[at] === TELNET.IAC ? readTelnet(line, at) : undefined
    if (sequence === undefined || sequence === 'data') {
      const lenBytes = sequence === 'data' ? 2 : 1
      text.push(line[at] ?? 0)
      kept.push(...line.subarray(at, at + lenBytes))
      at += lenBytes
      continue
    }
    if (!sequence.isNegotiation) kept.push(...line.subarray(at, at + sequence.lenBytes))
    if (sequence.refusal !== undefined) refusals.push(sequence.refusal)
    at += sequence.lenBytes
  }
  return {
    text: Uint8Array.from(text),
    kept: kept.length === line.length ? undefined : Uint8Array.from(kept),
    refusals,
  }
}
