import { algPorts } from '../core/alg/settings.ts'
import { Verdict, type VerdictName } from '../core/verdict.ts'
import { CoreLab, type LabOptions } from '../testkit/core-lab.ts'
import type { Octets } from '../testkit/packet-builder.ts'
import { type Taken, takeApart } from '../testkit/packet-checker.ts'
import { FRAME_BYTES, HEADROOM } from '../core/frame.ts'
import { offloadFaultOf } from './offload-checker.ts'

/** Octets of the offload header. */
const HEAD = 10
/** The most that headers grow by: an ICMP error about a fragment (56), and the offload header before it. */
const FRONT = HEADROOM - 56 - HEAD
/** An RFC 4884 datagram may be padded to 128 octets: that many and an extension may come behind. */
const BEHIND = 160
/** Longest ICMP errors of our own (RFC 4443 §2.4 (c), RFC 1812 §4.3.2.3). */
const LONGEST_ERROR = { 4: 576, 6: 1280 } as const

const CARRIED: ReadonlySet<string> = new Set<VerdictName>(['TRANSLATED_6TO4', 'TRANSLATED_4TO6', 'HAIRPINNED'])

/** How the translator treated a packet, and what is wrong with that. */
export interface Judgement {
  readonly verdict: VerdictName
  readonly complaint: string | undefined
}

/**
 * Gives each packet to two translators that differ in one thing: what lies around the packet. If they do different
 * things, one has read outside. Then looks at everything that came out, with the slow checker.
 */
export class Judge {
  readonly #labs: readonly [Guarded, Guarded]
  readonly #forwardsUdpWithoutChecksum: boolean

  constructor(options: LabOptions = {}) {
    const settings = { ...options.settings, icmpErrorsPerSecond: 1e9, icmpErrorsBurst: 1e9 }
    const make = (guard: number) => new Guarded({ ...options, settings }, guard)
    this.#labs = [make(0xa5), make(0x5a)]
    this.#forwardsUdpWithoutChecksum = settings.udpChecksumZero === 'forward'
  }

  /** Plays `octets` (offload header and packet). Throws when the translator throws: that is a finding too. */
  judge(octets: Octets): Judgement {
    const [one, other] = [this.#labs[0].play(octets), this.#labs[1].play(octets)]
    const complaint = one.complaint ?? sameOr(one, other) ?? this.#look(octets, one)
    return { verdict: one.verdict, complaint }
  }

  #look(octets: Octets, { verdict, out }: Played): string | undefined {
    const before = offloadFaultOf(octets)
    const came = takeApart(octets.slice(HEAD))
    for (const raw of out) {
      const sent = [...raw]
      const fault = offloadFaultOf(sent)
      const taken = takeApart(sent.slice(HEAD))
      if (typeof taken === 'string') return `sent: ${taken}`
      if (CARRIED.has(verdict)) {
        if (fault === undefined) {
          // Nothing damaged becomes valid.
          if (before?.startsWith('checksum of protocol') === true && out.length === 1)
            return 'a bad checksum was mended'
          continue
        }
        if (this.#forwardsUdpWithoutChecksum && fault.includes('UDP without checksum')) continue
        if (fault.startsWith('inner') && quotesLoosely(came)) continue
        if (before === undefined) return `a good packet became a bad one: ${fault}`
        // What was wrong already stays wrong, but no length ever is.
        if (!/checksum|inner/.test(fault)) return `sent: ${fault}`
        continue
      }
      if (verdict === 'ECHO_ANSWERED') {
        if (fault !== undefined && (before === undefined || !fault.includes('checksum'))) return `answered: ${fault}`
        continue
      }
      // All that is left are ICMP errors of our own: good but for the damage that they quote.
      if (!isError(taken)) return `${verdict}, but something was sent that is no ICMP error`
      if (fault !== undefined && !fault.startsWith('inner')) return `own ICMP error: ${fault}`
      if (sent.length - HEAD > LONGEST_ERROR[taken.family]) return `own ICMP error of ${sent.length - HEAD} octets`
      if (typeof came !== 'string' && came.startsHere && isError(came)) return 'an ICMP error about an ICMP error'
      if (typeof came !== 'string' && !mayBeAnswered(came)) return 'an ICMP error where none is allowed'
    }
    return undefined
  }
}

const isError = ({ family, protocol, upper }: Taken): boolean => {
  const type = upper[0] ?? 0
  return family === 4 ? protocol === 1 && [3, 4, 5, 11, 12].includes(type) : protocol === 58 && type < 128
}

/** RFC 1122 §3.2.2: none about later fragments, nor about multicast and broadcast. RFC 4443 §2.4(e): none about multicast. */
const mayBeAnswered = ({ family, startsHere, pseudo }: Taken): boolean =>
  family === 4 ? startsHere && (pseudo[4] ?? 0) < 224 : pseudo[16] !== 0xff

/**
 * An ICMP error whose quoted packet the checker cannot judge: a length attribute (RFC 4884) cuts it elsewhere than its
 * own length says, or it is UDP without checksum, which stays so, since nobody receives it.
 */
const quotesLoosely = (came: Taken | string): boolean => {
  if (typeof came === 'string' || !isError(came)) return false
  if (came.upper[came.family === 4 ? 5 : 4] !== 0) return true
  const inner = takeApart(came.upper.slice(8))
  return typeof inner !== 'string' && inner.protocol === 17 && inner.upper[6] === 0 && inner.upper[7] === 0
}

interface Played {
  readonly verdict: VerdictName
  readonly out: readonly Uint8Array[]
  readonly complaint: string | undefined
}

const sameOr = (one: Played, other: Played): string | undefined => {
  const same =
    one.verdict === other.verdict &&
    one.out.length === other.out.length &&
    one.out.every((octets, index) => Buffer.compare(octets, other.out[index] ?? octets.subarray(1)) === 0)
  return same ? undefined : 'what lies outside the packet was read'
}

/** A translator whose frame is full of one octet, but for the packet. */
class Guarded {
  readonly #lab: CoreLab
  readonly #hasGateways: boolean
  readonly #guard: Buffer

  constructor(options: LabOptions, guard: number) {
    this.#lab = new CoreLab(options)
    this.#hasGateways = algPorts(this.#lab.settings.alg).length > 0
    this.#guard = Buffer.alloc(FRAME_BYTES, guard)
  }

  play(octets: Octets): Played {
    const { frame, translator } = this.#lab
    frame.bytes.set(this.#guard)
    const { verdict, out } = this.#lab.play(octets)
    let complaint = this.#surroundings(octets.length)
    if (verdict !== 'NEEDS_MAPPING' || complaint !== undefined) return { verdict, out, complaint }
    // It would be held now, and refused when the pool is empty.
    if (
      Buffer.from(frame.bytes.buffer, HEADROOM, frame.len).compare(
        Uint8Array.from(octets.slice(HEAD, HEAD + frame.len)),
      ) !== 0
    )
      complaint = 'a packet to be held was changed'
    const refusals = this.#lab.capture(() => translator.refuse(frame, Verdict.POOL_EXHAUSTED))
    const plain = Array.from({ length: HEAD }, () => 0)
    return { verdict, out: [...out, ...refusals.map((packet) => Uint8Array.from([...plain, ...packet]))], complaint }
  }

  #surroundings(length: number): string | undefined {
    const { frame } = this.#lab
    const bytes = Buffer.from(frame.bytes.buffer)
    // A gateway for FTP or SIP puts out what it had held, or a whole edited line although a part of it came again.
    const grown = this.#hasGateways ? frame.o + frame.len : 0
    const end = Math.max(HEADROOM - HEAD + length + BEHIND, grown)
    const untouched = (from: number, to: number): boolean =>
      from >= to || bytes.compare(this.#guard, 0, to - from, from, to) === 0
    if (!untouched(0, FRONT)) return 'written too far in front'
    return untouched(end, FRAME_BYTES) ? undefined : 'written too far behind'
  }
}
