import { type Flow, isSameFlow, makeFlow, readFlow } from './flow.ts'
import type { Frame } from './frame.ts'
import { canJoin, isCoalescible, Train } from './train.ts'
import { PROTOCOL } from './wire/protocol.ts'

/** What became of a frame that was offered. */
export const Offer = {
  /** Nothing to put together: write it now. */
  PASS: 0,
  /** It heads a train: the owner gets it back with `write`. */
  TAKEN: 1,
  /** Its payload was copied behind another's: the frame is free. */
  MERGED: 2,
} as const
export type Offer = (typeof Offer)[keyof typeof Offer]

/** Of what the TUN takes super-packets. */
export interface SuperPackets {
  readonly tcp: boolean
  readonly udp: boolean
}

/** Flows that are put together at the same time. */
export const TRAINS = 8

/**
 * Puts translated packets of one flow, read one after the other, together into a super-packet (as the receive offload of
 * a network card does), so that the kernel forwards them in one go; it cuts them again into exactly those packets.
 * Packets of one flow keep their order. Whoever offers flushes before it waits for more.
 */
export class Coalescer {
  readonly #write: (frame: Frame) => void
  readonly #kinds: SuperPackets
  readonly #trains = Array.from({ length: TRAINS }, () => new Train())
  /** By train: the key of its flow, 0 = not in use. */
  readonly #keys = new Int32Array(TRAINS)
  readonly #flow: Flow = makeFlow()
  #inUse = 0
  /** The train that gives way when all are in use. */
  #victim = 0

  /** `write` gets each finished packet; its frame is the owner's again afterwards. */
  constructor(write: (frame: Frame) => void, kinds: SuperPackets) {
    this.#write = write
    this.#kinds = kinds
  }

  /**
   * Takes a packet as the translator finished it, in a frame with `FRAME_BYTES`. What has to leave before it is written
   * during the call.
   */
  offer(frame: Frame): Offer {
    const flow = this.#flow
    if (!readFlow(frame, flow)) {
      // A fragment or an ICMP message may belong to any flow, and overtakes none.
      this.flush()
      return Offer.PASS
    }
    const at = this.#inUse === 0 ? -1 : this.#find(frame, flow)
    const isWanted = flow.protocol === PROTOCOL.TCP ? this.#kinds.tcp : this.#kinds.udp
    if (!isWanted || frame.isAlone || !isCoalescible(frame, flow)) {
      // It must not overtake the packets of its flow.
      if (at >= 0) this.#finish(at)
      return Offer.PASS
    }
    if (at >= 0) {
      const train = this.#trains[at] as Train
      if (canJoin(train, frame, flow)) {
        train.append(frame, flow)
        if (train.isClosed) this.#finish(at)
        return Offer.MERGED
      }
      this.#finish(at)
    }
    this.#begin(frame, flow)
    return Offer.TAKEN
  }

  /** Writes everything that waits for more. */
  flush(): void {
    for (let at = 0; this.#inUse > 0 && at < TRAINS; at++) if (this.#keys[at] !== 0) this.#finish(at)
  }

  #find(frame: Frame, flow: Flow): number {
    for (let at = 0; at < TRAINS; at++)
      if (this.#keys[at] === flow.key && isSameFlow((this.#trains[at] as Train).head, frame, flow)) return at
    return -1
  }

  #begin(frame: Frame, flow: Flow): void {
    let at = this.#keys.indexOf(0)
    if (at < 0) {
      at = this.#victim
      this.#victim = (at + 1) % TRAINS
      this.#finish(at)
    }
    ;(this.#trains[at] as Train).begin(frame, flow)
    this.#keys[at] = flow.key
    this.#inUse += 1
  }

  #finish(at: number): void {
    this.#keys[at] = 0
    this.#inUse -= 1
    this.#write((this.#trains[at] as Train).finish())
  }
}
