import type { Cut, Editor } from '../stream.ts'
import { joinBytes } from '../stream.ts'
import { textOf } from './commands.ts'
import { readTelnet, TELNET, withoutTelnet } from './telnet.ts'

/** What goes out for a line, its end included; `undefined`: the line itself. */
export interface LineResult {
  readonly put: Uint8Array | undefined
}

/** What a control channel makes of its lines in one direction. */
export interface LineRules {
  readonly isIdle: () => boolean
  /** A line that begins so may have to be translated: it must be whole first. */
  readonly mayMatter: (text: string) => boolean
  /** A whole line, without its end and without Telnet sequences; `lenBytes` with its end. */
  readonly line: (text: string, lenBytes: number) => LineResult
  /** The beginning of a line that goes through whatever its rest is. */
  readonly partial: (text: string) => void
  /** An option of Telnet was offered or asked for; the other side must hear this. */
  readonly refuse: (refusal: Uint8Array) => void
  /** What has to be said before the next line of this direction; it is emptied then. */
  readonly insertions: Uint8Array[]
}

const LF = 10
/** A longer line is none that is translated. */
const MAX_LINE_BYTES = 1024
const NOTHING = new Uint8Array(0)

/** Cuts one direction of a control channel into lines, and Telnet sequences before them. */
export class LineEditor implements Editor {
  readonly #rules: LineRules
  /** The rest of the line goes through unread. */
  #isInside = false

  constructor(rules: LineRules) {
    this.#rules = rules
  }

  get isInside(): boolean {
    return this.#isInside
  }

  /** Goes on where another process stopped. */
  resume(isInside: boolean): void {
    this.#isInside = isInside
  }

  get isIdle(): boolean {
    return this.#rules.isIdle()
  }

  cut(bytes: Uint8Array): Cut | undefined {
    if (this.#rules.isIdle()) return { take: bytes.length, put: undefined }
    if (this.#isInside) return this.#rest(bytes)
    if (bytes[0] === TELNET.IAC) {
      const sequence = readTelnet(bytes, 0)
      if (sequence === undefined) return undefined
      if (sequence !== 'data') {
        if (sequence.refusal !== undefined) this.#rules.refuse(sequence.refusal)
        return { take: sequence.lenBytes, put: sequence.isNegotiation ? NOTHING : undefined }
      }
    }
    const end = bytes.indexOf(LF)
    return end >= 0 && end < MAX_LINE_BYTES ? this.#line(bytes.subarray(0, end + 1)) : this.#start(bytes)
  }

  #rest(bytes: Uint8Array): Cut {
    const end = bytes.indexOf(LF)
    this.#isInside = end < 0
    return { take: end < 0 ? bytes.length : end + 1, put: undefined }
  }

  #line(line: Uint8Array): Cut {
    const { text, kept, refusals } = withoutTelnet(line)
    for (const refusal of refusals) this.#rules.refuse(refusal)
    const put = this.#rules.line(textOf(text), line.length).put ?? kept
    return { take: line.length, put: this.#insert(put, line) }
  }

  /** A line without its end. */
  #start(bytes: Uint8Array): Cut | undefined {
    const { text } = withoutTelnet(bytes.subarray(0, MAX_LINE_BYTES))
    const start = String.fromCharCode(...text.subarray(0, 8))
    if (bytes.length < MAX_LINE_BYTES && this.#rules.mayMatter(start)) return undefined
    this.#rules.partial(start)
    this.#isInside = !bytes.includes(LF)
    const take = this.#isInside ? bytes.length : bytes.indexOf(LF) + 1
    return { take, put: this.#insert(undefined, bytes.subarray(0, take)) }
  }

  #insert(put: Uint8Array | undefined, line: Uint8Array): Uint8Array | undefined {
    const { insertions } = this.#rules
    if (insertions.length === 0) return put
    return joinBytes([...insertions.splice(0), put ?? line])
  }
}
