import type { Budget } from './budget.ts'
import type { Editor } from './stream.ts'
import { Stream } from './stream.ts'

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
