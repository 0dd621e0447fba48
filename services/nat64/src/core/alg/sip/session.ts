import type { Direction, Session } from '../flow.ts'
import type { Cut, Editor } from '../stream.ts'
import { toBytes, toText } from '../octet-text.ts'
import { type AlgReport, AlgTally, count } from '../tally.ts'
import type { LiteralSwap } from './literals.ts'
import { extentOf, isStartLine, swapMessage } from './message.ts'

/** A start line that is longer is none. */
const MAX_START_BYTES = 4096
/** A message that is longer goes through as it is. */
const MAX_MESSAGE_BYTES = 60_000
const CR = 13
const LF = 10

/** What an editor knows, for another process: JSON. */
interface EditorState {
  readonly skip: number
  readonly isIdle: boolean
}

/** SIP over TCP, one direction: whole messages (RFC 3261 §18.3), and what keeps a connection alive between them. */
class MessageEditor implements Editor {
  readonly #swap: () => LiteralSwap
  readonly #report: AlgReport
  readonly #onMessage: (before: string, after: string) => void
  /** Bytes of a message too long that are still to come. */
  #skip = 0
  /** It is something else than SIP: everything goes through. */
  isIdle = false

  constructor(swap: () => LiteralSwap, report: AlgReport, onMessage: (before: string, after: string) => void) {
    this.#swap = swap
    this.#report = report
    this.#onMessage = onMessage
  }

  get state(): EditorState {
    return { skip: this.#skip, isIdle: this.isIdle }
  }

  resume({ skip, isIdle }: EditorState): void {
    this.#skip = skip
    this.isIdle = isIdle
  }

  cut(bytes: Uint8Array): Cut | undefined {
    if (this.isIdle) return { take: bytes.length, put: undefined }
    if (this.#skip > 0) return this.#pass(Math.min(this.#skip, bytes.length))
    let blank = 0
    while (bytes[blank] === CR || bytes[blank] === LF) blank += 1
    // RFC 5626 §3.5.1: empty lines, "ping" and "pong".
    if (blank > 0) return { take: blank, put: undefined }
    const text = toText(bytes.subarray(0, MAX_MESSAGE_BYTES))
    const lineEnd = text.indexOf('\r\n')
    if (lineEnd < 0 ? bytes.length > MAX_START_BYTES || !mayBeStart(text) : !isStartLine(text.slice(0, lineEnd)))
      return this.#giveUp(bytes)
    const extent = extentOf(text)
    if (extent === undefined) return bytes.length < MAX_MESSAGE_BYTES ? undefined : this.#giveUp(bytes)
    // RFC 3261 §20.14: over a stream every message says its length; one that does not has no body here.
    const lenBytes = extent.headBytes + (extent.bodyBytes ?? 0)
    if (lenBytes > MAX_MESSAGE_BYTES) {
      count(this.#report, AlgTally.SIP_UNREADABLE)
      this.#skip = lenBytes
      return this.#pass(Math.min(lenBytes, bytes.length))
    }
    if (bytes.length < lenBytes) return undefined
    const message = text.slice(0, lenBytes)
    const swapped = swapMessage(message, this.#swap())
    count(this.#report, AlgTally.SIP_MESSAGES)
    this.#onMessage(message, swapped ?? message)
    return { take: lenBytes, put: swapped === undefined ? undefined : toBytes(swapped) }
  }

  #pass(take: number): Cut {
    this.#skip -= take
    return { take, put: undefined }
  }

  #giveUp(bytes: Uint8Array): Cut {
    count(this.#report, AlgTally.SIP_UNREADABLE)
    this.isIdle = true
    return { take: bytes.length, put: undefined }
  }
}

/** The beginning of a start line: a method or a version, in printable ASCII. */
const mayBeStart = (text: string): boolean =>
  /^[A-Za-z0-9\-.!%*_+`'~/]+(?: [\x21-\x7e]*(?: [\x20-\x7e]*\r?)?)?$/.test(text)

/** What a session asks for. */
export interface SipParts {
  readonly up: () => LiteralSwap
  readonly down: () => LiteralSwap
  /** Called with each message, as the IPv4 side has it. */
  readonly onMessage: (direction: Direction, text4: string) => void
}

/** SIP over TCP: both directions. */
export class SipSession implements Session {
  readonly up: MessageEditor
  readonly down: MessageEditor

  constructor({ up, down, onMessage }: SipParts, report: AlgReport) {
    this.up = new MessageEditor(up, report, (_, after) => onMessage('up', after))
    this.down = new MessageEditor(down, report, (before) => onMessage('down', before))
    count(report, AlgTally.SIP_CONNECTIONS)
  }

  get state(): { readonly up: EditorState; readonly down: EditorState } {
    return { up: this.up.state, down: this.down.state }
  }

  resume(state: unknown): void {
    const { up, down } = state as { up: EditorState; down: EditorState }
    this.up.resume(up)
    this.down.resume(down)
  }
}
