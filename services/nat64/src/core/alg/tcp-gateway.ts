import type { Frame } from '../frame.ts'
import { Verdict } from '../verdict.ts'
import { TCP, TCP_FLAG } from '../wire/protocol.ts'
import type { Xlate } from '../xlate.ts'
import { acknowledge } from './acknowledge.ts'
import { Budget } from './budget.ts'
import { type Direction, type Ends, Flow, type FlowState, type Session } from './flow.ts'
import { FlowTable } from './flow-table.ts'
import { advance } from './sequence.ts'
import type { Stream } from './stream.ts'
import { type AlgReport, AlgTally, count } from './tally.ts'
import { hasFlag, makeTcpSegment, readTcp, rewriteSack, rewriteUrgent } from './tcp-segment.ts'
import { fitSegments, hasSoundChecksum, leaveChecksum, replaceTail } from './transport-payload.ts'

/** `isFromStart`: its first packet was seen, not one from its middle. */
export type MakeSession = (ends: Ends, local6: Uint8Array, isFromStart: boolean) => Session

/**
 * TCP connections whose payload is edited: finds the connection of each segment, edits, and keeps numbers,
 * acknowledgements, SACK blocks and urgent pointers of both directions true. Works on the packet before its translation,
 * whose layout and addresses are in `x`.
 */
export class TcpGateway {
  readonly #report: AlgReport
  readonly #makeSession: MakeSession
  readonly #flows = new FlowTable()
  readonly #budget = new Budget()
  readonly #segment = makeTcpSegment()
  readonly #ends: Ends = { local4: 0, remote4: 0, localPort: 0, remotePort: 0 }

  constructor(report: AlgReport, makeSession: MakeSession) {
    this.#report = report
    this.#makeSession = makeSession
  }

  get size(): number {
    return this.#flows.size
  }

  /** All connections, for another process: JSON. */
  get state(): readonly FlowState[] {
    return Array.from(this.#flows, (flow) => flow.state)
  }

  /** Goes on with the connections of another process, as far as there is room. One that is known here already stays as it is here. */
  resume(states: readonly FlowState[]): void {
    for (const state of states) {
      if (this.#flows.find(state) !== undefined) continue
      const local6 = Uint8Array.from(state.local6)
      const { local4, remote4, localPort, remotePort } = state
      const ends = { local4, remote4, localPort, remotePort }
      const session = this.#makeSession(ends, local6, false)
      const flow = new Flow(ends, { local6, session, budget: this.#budget }, state.lastMs)
      flow.resume(state)
      if (!this.#flows.add(flow, state.lastMs)) flow.release()
    }
    this.#report.counts[AlgTally.FLOWS] = this.#flows.size
  }

  /** CONTINUE: translate what is in the frame now. Else the packet is dropped. */
  apply(x: Xlate, frame: Frame, direction: Direction): Verdict {
    const { view } = frame
    const { outer } = x
    const segment = this.#segment
    if (!readTcp(view, outer.upper, outer.end, segment)) return Verdict.CONTINUE
    if (!hasSoundChecksum(frame, outer, direction)) return Verdict.ALG_BAD_CHECKSUM
    const flow = this.#flowOf(x, view, direction)
    this.#report.counts[AlgTally.FLOWS] = this.#flows.size
    if (flow === undefined) return Verdict.CONTINUE
    return this.#edit(x, frame, direction, flow)
  }

  #flowOf(x: Xlate, view: DataView, direction: Direction): Flow | undefined {
    const segment = this.#segment
    const ends = this.#readEnds(x, view, direction)
    const isOpening = hasFlag(segment, TCP_FLAG.SYN) && !hasFlag(segment, TCP_FLAG.ACK)
    const local6 = local6Of(x, view, direction)
    const known = this.#flows.find(ends)
    if (known !== undefined && isSameHost(known.local6, local6)) {
      const own = direction === 'up' ? known.up : known.down
      // A SYN that comes again is the same connection, unless that has gone on already.
      if (!isOpening || (!known.isEstablished && own.seen === advance(segment.seq, 1))) return known
    }
    if (hasFlag(segment, TCP_FLAG.RST)) return undefined
    const now = x.clock.nowMs
    const flow = new Flow(
      ends,
      { local6, session: this.#makeSession(ends, local6, isOpening), budget: this.#budget },
      now,
    )
    if (this.#flows.add(flow, now)) return flow
    count(this.#report, AlgTally.TABLE_FULL)
    this.#report.note('table-full')
    return undefined
  }

  #readEnds({ outerPair }: Xlate, view: DataView, direction: Direction): Ends {
    const ends = this.#ends
    const { start } = this.#segment
    const [src, dst] = [view.getUint16(start + TCP.SRC_PORT), view.getUint16(start + TCP.DST_PORT)]
    const isUp = direction === 'up'
    ends.local4 = isUp ? outerPair.src4 : outerPair.dst4
    ends.remote4 = isUp ? outerPair.dst4 : outerPair.src4
    ends.localPort = isUp ? src : dst
    ends.remotePort = isUp ? dst : src
    return ends
  }

  #edit(x: Xlate, frame: Frame, direction: Direction, flow: Flow): Verdict {
    const { view } = frame
    const segment = this.#segment
    const isUp = direction === 'up'
    const [own, other] = isUp ? [flow.up, flow.down] : [flow.down, flow.up]
    const isSyn = hasFlag(segment, TCP_FLAG.SYN)
    const isFin = hasFlag(segment, TCP_FLAG.FIN)
    const lenBytes = x.outer.end - segment.payload
    if (isSyn && !own.isKnown) own.start(advance(segment.seq, 1))
    let isChanged = false
    if (hasFlag(segment, TCP_FLAG.ACK)) {
      const ack = other.acknowledge(segment.ack)
      if (ack !== segment.ack) view.setUint32(segment.start + TCP.ACK, ack)
      isChanged = rewriteSack(view, segment, other) || ack !== segment.ack
    }
    let outSeq = own.toOut(segment.seq)
    let isReplaced = false
    if (lenBytes > 0 || isFin) {
      const from = isSyn ? advance(segment.seq, 1) : segment.seq
      const accepted = own.accept(from, frame.bytes.subarray(segment.payload, x.outer.end), isFin)
      if (accepted === 'full') return Verdict.ALG_FULL
      // A stream that is not read any more may have its packets in any order.
      if (accepted === 'gap' && !own.isIdle) return Verdict.ALG_GAP
      if (accepted === 'accepted') {
        outSeq = isSyn ? advance(own.outSeq, -1) : own.outSeq
        isReplaced = !own.isUnchanged
      }
    }
    this.#remember(x, view, direction, flow)
    if (isReplaced) {
      if (own.out.length === 0) this.#afterHolding(x, view, direction, flow)
      if (!replaceTail(frame, x.outer, segment.payload, own.out)) return Verdict.ALG_FULL
    }
    if (outSeq !== segment.seq) view.setUint32(segment.start + TCP.SEQ, outSeq)
    if (!isChanged && !isReplaced && outSeq === segment.seq) return Verdict.CONTINUE
    rewriteUrgent(view, segment, own, outSeq)
    leaveChecksum(frame, x.outer, direction, TCP.CHECKSUM)
    fitSegments(frame, x.outer, direction, segment.payload, lenBytes)
    return Verdict.CONTINUE
  }

  /**
   * All bytes are held, or were taken out: nobody but us can acknowledge them, or a sender that waits for that before it
   * sends more (RFC 9293 §3.7.4, Nagle) would wait for ever. Not before the receiver has all that came before them: until
   * then the sender has to keep it.
   */
  #afterHolding(x: Xlate, view: DataView, direction: Direction, flow: Flow): void {
    const own: Stream = direction === 'up' ? flow.up : flow.down
    count(this.#report, AlgTally.TCP_HELD)
    if (!own.isDrained || !hasFlag(this.#segment, TCP_FLAG.ACK)) return
    const side = flow.sides[direction === 'up' ? 'down' : 'up']
    acknowledge(x, view, direction, this.#segment, { ack: own.seen, side })
    count(this.#report, AlgTally.TCP_ACKNOWLEDGED)
  }

  #remember(x: Xlate, view: DataView, direction: Direction, flow: Flow): void {
    const segment = this.#segment
    const side = flow.sides[direction]
    flow.lastMs = x.clock.nowMs
    side.window = segment.window
    if (segment.timestamps !== 0) side.timestamp = view.getUint32(segment.timestamps + 2)
    if (hasFlag(segment, TCP_FLAG.FIN)) side.hasFin = true
    if (hasFlag(segment, TCP_FLAG.RST)) flow.isReset = true
    if (!hasFlag(segment, TCP_FLAG.SYN)) flow.isEstablished = true
  }
}

/** IPv6 address of the host of ours, a copy. */
const local6Of = ({ outer, outerPair }: Xlate, view: DataView, direction: Direction): Uint8Array => {
  const [from, at] = direction === 'up' ? [view, outer.start + 8] : [outerPair.pair6, 16]
  return new Uint8Array(from.buffer, from.byteOffset + at, 16).slice()
}

const isSameHost = (a: Uint8Array, b: Uint8Array): boolean => a.every((octet, index) => octet === b[index])
