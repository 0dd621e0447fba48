import type { Session } from '../flow.ts'
import { toBytes, toText } from '../octet-text.ts'
import { type AlgReport, AlgTally, count } from '../tally.ts'
import { lineOf, mayBecomeCommand, portCommand, readEprt, splitCommand } from './commands.ts'
import { LineEditor, type LineResult } from './line-editor.ts'
import { extendedPassiveReply, readPassiveReply, readReplyLine } from './replies.ts'

/**
 * What the next reply of the server answers. `epsv`: our PASV instead of the client's EPSV; `noop`: our NOOP, whose reply
 * becomes `answer`; `plain`: a command that went through.
 */
type Expected =
  | { readonly kind: 'plain' | 'pasv' | 'epsv' | 'auth' }
  | { readonly kind: 'noop'; readonly answer: string }

/** Commands whose replies are awaited at most; a client that sends more without waiting is no longer followed. */
const MAX_EXPECTED = 64

const UNTRANSLATED: LineResult = { put: undefined }
const TAKEN_OUT: LineResult = { put: new Uint8Array(0) }
const PASSIVE_PROTOCOLS = ['', '2']

/** All that a session knows, for another process: JSON. */
interface FtpState {
  readonly expected: readonly Expected[]
  readonly toClient: readonly string[]
  readonly toServer: readonly string[]
  readonly isEnabled: boolean
  readonly isTransparent: boolean
  readonly replyUnderWay: string | undefined
  readonly passivePort: number | undefined
  readonly isInside: { readonly up: boolean; readonly down: boolean }
}

/** The client of a control channel, as both sides know it. */
export interface FtpClient {
  /** 16 octets. */
  readonly ip6: Uint8Array
  /** Signed 32-bit: its address of the pool. */
  readonly ip4: number
  /** The server's address, signed. */
  readonly server4: number
}

/** RFC 6384: one FTP control channel from an IPv6 client to an IPv4 server. */
export class FtpSession implements Session {
  readonly up: LineEditor
  readonly down: LineEditor
  readonly #client: FtpClient
  readonly #report: AlgReport
  readonly #expected: Expected[] = []
  /** Options that the client or the server must hear a refusal of, with the next line to it. */
  readonly #toClient: Uint8Array[] = []
  readonly #toServer: Uint8Array[] = []
  /** ALGS ENABLE64, DISABLE64 (RFC 6384 §11). */
  #isEnabled = true
  /** RFC 6384 §5: the server agreed to AUTH: nothing is read any more. */
  #isTransparent = false
  /** Code of the reply that is under way in several lines, and the port that it named. */
  #replyUnderWay: string | undefined
  #passivePort: number | undefined

  /** `isFromStart`: the server's greeting is still to come. */
  constructor(client: FtpClient, report: AlgReport, isFromStart: boolean) {
    this.#client = client
    this.#report = report
    if (isFromStart) this.#expected.push({ kind: 'plain' })
    count(report, AlgTally.FTP_CONNECTIONS)
    this.up = new LineEditor({
      isIdle: () => this.#isTransparent,
      mayMatter: mayBecomeCommand,
      line: (text) => this.#command(text),
      partial: () => this.#expect({ kind: 'plain' }),
      refuse: (refusal) => this.#refuse(this.#toClient, refusal),
      insertions: this.#toServer,
    })
    this.down = new LineEditor({
      isIdle: () => this.#isTransparent,
      mayMatter: (text) => text.length < 4 || this.#expected.some(({ kind }) => kind !== 'plain'),
      line: (text, lenBytes) => this.#reply(text, lenBytes),
      partial: (text) => void this.#reply(text, 0),
      refuse: (refusal) => this.#refuse(this.#toServer, refusal),
      insertions: this.#toClient,
    })
  }

  get state(): FtpState {
    return {
      expected: this.#expected,
      toClient: this.#toClient.map(toText),
      toServer: this.#toServer.map(toText),
      isEnabled: this.#isEnabled,
      isTransparent: this.#isTransparent,
      replyUnderWay: this.#replyUnderWay,
      passivePort: this.#passivePort,
      isInside: { up: this.up.isInside, down: this.down.isInside },
    }
  }

  resume(state: unknown): void {
    const { expected, toClient, toServer, isInside, ...flags } = state as FtpState
    this.#expected.splice(0, Infinity, ...expected)
    this.#toClient.splice(0, Infinity, ...toClient.map(toBytes))
    this.#toServer.splice(0, Infinity, ...toServer.map(toBytes))
    this.#isEnabled = flags.isEnabled
    this.#isTransparent = flags.isTransparent
    this.#replyUnderWay = flags.replyUnderWay
    this.#passivePort = flags.passivePort
    this.up.resume(isInside.up)
    this.down.resume(isInside.down)
  }

  #refuse(queue: Uint8Array[], refusal: Uint8Array): void {
    if (queue.length < 16) queue.push(refusal)
    count(this.#report, AlgTally.FTP_TELNET)
  }

  #expect(expected: Expected): void {
    if (this.#expected.length >= MAX_EXPECTED) this.#expected.shift()
    this.#expected.push(expected)
  }

  #command(text: string): LineResult {
    if (text.trim() === '') return UNTRANSLATED
    const { verb, argument } = splitCommand(text)
    switch (verb) {
      case 'EPSV':
        return this.#isEnabled ? this.#epsv(argument.toUpperCase()) : this.#pass('plain')
      case 'EPRT':
        return this.#isEnabled ? this.#eprt(argument) : this.#pass('plain')
      case 'ALGS':
        return this.#algs(argument.toUpperCase())
      case 'AUTH':
        return this.#pass('auth')
      case 'PASV':
        // RFC 6384 §10: passed on as it is, and its answer too.
        return this.#pass('pasv')
      default:
        return this.#pass('plain')
    }
  }

  #pass(kind: 'plain' | 'pasv' | 'auth'): LineResult {
    this.#expect({ kind })
    return UNTRANSLATED
  }

  /** RFC 6384 §12: "the FTP ALG instead issues a NOOP command", and the answer to that becomes `answer`. */
  #answer(answer: string): LineResult {
    this.#expect({ kind: 'noop', answer })
    count(this.#report, AlgTally.FTP_ANSWERED)
    return { put: lineOf('NOOP') }
  }

  /** RFC 6384 §6. */
  #epsv(argument: string): LineResult {
    if (argument === 'ALL') return this.#answer('504 Command not implemented for that parameter')
    if (PASSIVE_PROTOCOLS.includes(argument)) {
      this.#expect({ kind: 'epsv' })
      count(this.#report, AlgTally.FTP_EPSV)
      return { put: lineOf('PASV') }
    }
    return /^\d+$/.test(argument) ? this.#answer('522 Network protocol not supported, use (2)') : this.#pass('plain')
  }

  /** RFC 6384 §7.1; the port stays. Another address than the client's own is "passed along unchanged". */
  #eprt(argument: string): LineResult {
    this.#expect({ kind: 'plain' })
    const port = readEprt(argument, this.#client.ip6)
    if (port === undefined) return UNTRANSLATED
    count(this.#report, AlgTally.FTP_EPRT)
    return { put: portCommand(this.#client.ip4, port) }
  }

  /** RFC 6384 §11. */
  #algs(argument: string): LineResult {
    switch (argument) {
      case 'ENABLE64':
      case 'DISABLE64':
        this.#isEnabled = argument === 'ENABLE64'
        break
      case 'STATUS64':
        break
      case '':
        return this.#answer('501 Syntax error in parameters or arguments')
      default:
        return this.#answer('504 Command not implemented for that parameter')
    }
    return this.#answer(
      this.#isEnabled ? '216 EPSVEPRT EPSV and EPRT are translated' : '216 NONE nothing is translated',
    )
  }

  /** A line of the server. `lenBytes` is 0 when only its start is known and it goes through whatever comes of it. */
  #reply(text: string, lenBytes: number): LineResult {
    const line = readReplyLine(text)
    let code = this.#replyUnderWay
    if (code === undefined) {
      if (line === undefined) return UNTRANSLATED
      code = line.code
      if (code === '227') this.#catchUp()
      this.#passivePort = undefined
    }
    const isEnd = line?.code === code && !line.goesOn
    this.#replyUnderWay = isEnd ? undefined : code
    const [expected] = this.#expected
    // RFC 959 §4.2.1: a preliminary reply is followed by another one.
    if (isEnd && !code.startsWith('1')) this.#expected.shift()
    // RFC 959 §4.2.2: 421 may be the reply to any command: the server closes the connection.
    if (expected === undefined || code === '421') return UNTRANSLATED
    const isFinal = isEnd && !code.startsWith('1')
    if (expected.kind === 'noop') return isFinal ? { put: lineOf(expected.answer) } : TAKEN_OUT
    if (expected.kind === 'epsv' && code === '227') return this.#passive(text, lenBytes, isEnd)
    // RFC 6384 §5: whatever is no refusal.
    if (expected.kind === 'auth' && isFinal && !/^[45]/.test(code)) this.#becomeTransparent()
    return UNTRANSLATED
  }

  /** Replies were lost sight of: a 227 answers PASV and nothing else. */
  #catchUp(): void {
    const index = this.#expected.findIndex(({ kind }) => kind === 'epsv' || kind === 'pasv')
    if (index > 0) this.#expected.splice(0, index)
  }

  /** RFC 6384 §6: 227 becomes 229; "the ALG SHOULD ignore the IPv4 address", as most clients do. */
  #passive(text: string, lenBytes: number, isEnd: boolean): LineResult {
    const endpoint = readPassiveReply(text.slice(4))
    if (endpoint !== undefined && this.#passivePort === undefined) {
      this.#passivePort = endpoint.port
      if (endpoint.ip4 !== this.#client.server4 >>> 0) count(this.#report, AlgTally.FTP_OTHER_ADDRESS)
    }
    if (!isEnd) return { put: lineOf('229-') }
    const port = this.#passivePort
    this.#passivePort = undefined
    if (port === undefined) return { put: lineOf("425 Can't open data connection") }
    count(this.#report, AlgTally.FTP_PASSIVE)
    return { put: extendedPassiveReply(port, lenBytes) }
  }

  #becomeTransparent(): void {
    this.#isTransparent = true
    this.#expected.length = 0
    count(this.#report, AlgTally.FTP_TLS)
    this.#report.note('ftp-tls')
  }
}
