import type { Budget } from './budget.ts'
import { type Editor, Stream, type StreamState } from './stream.ts'

/** From the IPv6 host of ours to the IPv4 network, or back. */
export type Direction = 'up' | 'down'

/** The two ends of a connection, in the addresses of the IPv4 side; a record that is used again. */
export interface Ends {
  /** Signed 32-bit: the host of ours, and the remote node. */
  local4: number
  remote4: number
  localPort: number
  remotePort: number
}

/** What edits the two directions of a connection. */
export interface Session {
  readonly up: Editor
  readonly down: Editor
  /** What it knows, for another process: JSON. */
  readonly state: unknown
  /** Goes on where another process stopped: `state` of a session of the same kind. */
  resume(state: unknown): void
}

/** All that is known of a connection, for another process: JSON. */
export interface FlowState extends Readonly<Ends> {
  readonly local6: readonly number[]
  readonly session: unknown
  readonly up: StreamState | undefined
  readonly down: StreamState | undefined
  readonly sides: Readonly<Record<Direction, Readonly<SideState>>>
  readonly lastMs: number
  readonly isEstablished: boolean
  readonly isReset: boolean
}

/** What was last seen of one side, for acknowledgements that are made in its name. */
export interface SideState {
  window: number
  /** Its timestamp (RFC 7323), `undefined`: it sends none. */
  timestamp: number | undefined
  hasFin: boolean
}

/** An open connection is forgotten after 2 h 4 min without a packet (RFC 5382 §5, REQ-5), one that opens or closes after 4 min. */
const OPEN_MS = 7_440_000
const TRANSITORY_MS = 240_000

/** What a connection is made of beside its ends. */
export interface FlowParts {
  /** 16 octets. */
  readonly local6: Uint8Array
  readonly session: Session
  /** Of all connections. */
  readonly budget: Budget
}

const side = (): SideState => ({ window: 0xffff, timestamp: undefined, hasFin: false })

/** A TCP connection whose payload is looked at. */
export class Flow implements Ends {
  readonly local4: number
  readonly remote4: number
  readonly localPort: number
  readonly remotePort: number
  /** 16 octets. */
  readonly local6: Uint8Array
  readonly session: Session
  readonly up: Stream
  readonly down: Stream
  readonly sides: Readonly<Record<Direction, SideState>> = { up: side(), down: side() }
  lastMs: number
  isEstablished = false
  isReset = false

  constructor(ends: Ends, { local6, session, budget }: FlowParts, nowMs: number) {
    this.local4 = ends.local4
    this.remote4 = ends.remote4
    this.localPort = ends.localPort
    this.remotePort = ends.remotePort
    this.local6 = local6
    this.session = session
    this.up = new Stream(session.up, budget)
    this.down = new Stream(session.down, budget)
    this.lastMs = nowMs
  }

  get state(): FlowState {
    const { local4, remote4, localPort, remotePort, sides, lastMs, isEstablished, isReset } = this
    return {
      local4,
      remote4,
      localPort,
      remotePort,
      sides,
      lastMs,
      isEstablished,
      isReset,
      local6: [...this.local6],
      session: this.session.state,
      up: this.up.state,
      down: this.down.state,
    }
  }

  /** Goes on where another process stopped. */
  resume({ session, up, down, sides, isEstablished, isReset }: FlowState): void {
    this.session.resume(session)
    if (up !== undefined) this.up.resume(up)
    if (down !== undefined) this.down.resume(down)
    Object.assign(this.sides.up, sides.up)
    Object.assign(this.sides.down, sides.down)
    this.isEstablished = isEstablished
    this.isReset = isReset
  }

  get isClosing(): boolean {
    return this.isReset || (this.sides.up.hasFin && this.sides.down.hasFin)
  }

  /** It is forgotten: what it kept is free. */
  release(): void {
    this.up.release()
    this.down.release()
  }

  /** Nobody will miss it. */
  isExpired(nowMs: number): boolean {
    return nowMs - this.lastMs > (this.isEstablished && !this.isClosing ? OPEN_MS : TRANSITORY_MS)
  }

  is(ends: Ends): boolean {
    return (
      this.localPort === ends.localPort &&
      this.local4 === ends.local4 &&
      this.remote4 === ends.remote4 &&
      this.remotePort === ends.remotePort
    )
  }
}
