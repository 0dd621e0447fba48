/**
 * A TCP connection through the translator with a gateway in it. The network between is as bad as `dice` has it: segments
 * are lost, doubled, reordered, and cut anew when they are sent again.
 *
 *   client (IPv6) ──▶ translator ──▶ server (IPv4)
 */
import assert from 'node:assert/strict'
import { offloadFaultOf } from '../fuzz/offload-checker.ts'
import { CoreLab, HOST_A, type LabOptions, SERVER, SERVER6 } from './core-lab.ts'
import { ip4, ip6, type Octets, tcp } from './packet-builder.ts'
import { takeApart } from './packet-checker.ts'
import { type Segment, TcpEnd } from './tcp-end.ts'

export const CLIENT_PORT = 40_123
const VNET_BYTES = 10
const MSS = 1200
/** Rounds without progress after which a connection counts as stuck. */
const PATIENCE = 400

/** `dice(n)`: a number from 0 to n − 1. */
export type Dice = (sides: number) => number

export interface Weather {
  readonly dice: Dice
  /** One segment in so many is lost, doubled, late; 0: none. */
  readonly loss: number
  readonly double: number
  readonly late: number
  /** In one round of so many another process takes over; 0: never. */
  readonly handover: number
}

/** Nothing happens to anybody. */
export const CALM: Weather = { dice: () => 0, loss: 0, double: 0, late: 0, handover: 0 }

/** What the applications of both ends do. They are asked whenever something arrived. */
export interface Script {
  readonly client: (received: string, write: (text: string) => void) => void
  readonly server: (received: string, write: (text: string) => void) => void
  readonly isOver: (client: string, server: string) => boolean
}

export const latin1 = (octets: Octets): string => String.fromCharCode(...octets)
export const octetsOf = (text: string): Octets => Array.from(text, (char) => char.charCodeAt(0))

const u16At = (octets: Octets, at: number): number => (octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0)
const u32At = (octets: Octets, at: number): number => u16At(octets, at) * 65_536 + u16At(octets, at + 2)

/** Reads what came out of the translator; every fault of its lengths and checksums is a failure. */
export const segmentOf = (frame: Octets): { readonly family: 4 | 6; readonly segment: Segment } => {
  assert.equal(offloadFaultOf(frame), undefined)
  const taken = takeApart(frame.slice(VNET_BYTES))
  assert.ok(typeof taken !== 'string', JSON.stringify(taken))
  const { upper, family } = taken
  const header = ((upper[12] ?? 0) >>> 4) * 4
  const segment = {
    seq: u32At(upper, 4),
    ack: u32At(upper, 8),
    flags: upper[13] ?? 0,
    data: upper.slice(header),
    options: upper.slice(20, header),
  }
  return { family, segment }
}

export class AlgLab {
  readonly core: CoreLab
  readonly client: TcpEnd
  readonly server: TcpEnd
  readonly port: number
  readonly #weather: Weather

  constructor(options: LabOptions, port: number, weather: Weather = CALM, nagle = false) {
    this.core = new CoreLab(options)
    this.port = port
    this.#weather = weather
    this.client = new TcpEnd(0xffff_ff00 + weather.dice(512), nagle)
    this.server = new TcpEnd(0x7fff_fff0 + weather.dice(64), nagle)
  }

  /** Plays a segment of one end; what comes out arrives at the ends. Returns what came out. */
  pass(from: 'client' | 'server', segment: Segment): readonly Segment[] {
    const { seq, ack, flags, data, options } = segment
    const fields = { seq, ack, flags, data, options }
    const packet =
      from === 'client'
        ? ip6({ src: HOST_A.ip6, dst: SERVER6 }, tcp({ src: CLIENT_PORT, dst: this.port, ...fields }))
        : ip4({ src: SERVER, dst: HOST_A.ip4, df: true }, tcp({ src: this.port, dst: CLIENT_PORT, ...fields }))
    const { out } = this.core.play([...Array.from({ length: VNET_BYTES }, () => 0), ...packet])
    return out.map((octets) => {
      const { family, segment: sent } = segmentOf([...octets])
      this.#deliver(family === 4 ? 'server' : 'client', sent)
      return sent
    })
  }

  readonly #waiting: { readonly to: 'client' | 'server'; readonly segment: Segment }[] = []

  #deliver(to: 'client' | 'server', segment: Segment): void {
    const { dice, loss, double, late } = this.#weather
    if (loss > 0 && dice(loss) === 0) return
    this.#waiting.push({ to, segment })
    if (double > 0 && dice(double) === 0) this.#waiting.push({ to, segment })
    if (late > 0 && dice(late) === 0) this.#waiting.unshift(...this.#waiting.splice(-1))
  }

  /** The three-way handshake, in fair weather. */
  open(): void {
    this.#handshake('client', this.client.syn())
    this.#handshake('server', this.server.synAck())
    this.#handshake('client', this.client.ack())
  }

  #handshake(from: 'client' | 'server', segment: Segment): void {
    this.pass(from, segment)
    // The weather does not concern the handshake.
    this.#waiting.length = 0
    const other = from === 'client' ? this.server : this.client
    if ((segment.flags & 2) !== 0) other.open(segment)
  }

  /** Runs both applications until the script is over; fails when nothing moves any more. */
  run(script: Script): { client: string; server: string } {
    const { dice } = this.#weather
    const write = (end: TcpEnd) => (text: string) => {
      let rest = octetsOf(text)
      while (rest.length > 0) {
        const length = this.#weather === CALM ? rest.length : 1 + dice(rest.length)
        end.write(rest.slice(0, length))
        rest = rest.slice(length)
      }
    }
    const lengths = { client: -1, server: -1 }
    for (let idle = 0; ; ) {
      const [toClient, toServer] = [latin1(this.client.received), latin1(this.server.received)]
      const isOver = script.isOver(toClient, toServer)
      if (isOver && this.client.isDone && this.server.isDone) return { client: toClient, server: toServer }
      assert.ok(
        idle < PATIENCE,
        `stuck.\nclient got ${JSON.stringify(toClient)}\nserver got ${JSON.stringify(toServer)}`,
      )
      if (this.#weather.handover > 0 && dice(this.#weather.handover) === 0) this.core.handOver()
      idle = toClient.length === lengths.client && toServer.length === lengths.server ? idle + 1 : 0
      if (toClient.length !== lengths.client) script.client(toClient, write(this.client))
      if (toServer.length !== lengths.server) script.server(toServer, write(this.server))
      lengths.client = toClient.length
      lengths.server = toServer.length
      for (const segment of this.client.step(MSS)) this.pass('client', segment)
      for (const segment of this.server.step(MSS)) this.pass('server', segment)
      this.#arrive()
      if (idle % 3 === 2) {
        for (const segment of this.client.timeout(1 + dice(MSS))) this.pass('client', segment)
        for (const segment of this.server.timeout(1 + dice(MSS))) this.pass('server', segment)
      }
      assert.equal(this.client.acknowledgedTooMuch, false, 'the client heard of bytes that it did not send')
      assert.equal(this.server.acknowledgedTooMuch, false, 'the server heard of bytes that it did not send')
    }
  }

  #arrive(): void {
    for (const { to, segment } of this.#waiting.splice(0)) {
      const end = to === 'client' ? this.client : this.server
      if (end.take(segment)) this.pass(to, end.ack())
    }
  }
}
