import { Alg } from './alg/alg.ts'
import type { FlowState } from './alg/flow.ts'
import type { FindOutside } from './alg/outside.ts'
import { ALG_TALLIES, type AlgNote, reportOnce } from './alg/tally.ts'
import type { AddressMap } from './address-map/address-map.ts'
import { answerEcho } from './answer-echo.ts'
import type { Frame } from './frame.ts'
import { makeIcmpv4Error } from './generate-icmpv4-error.ts'
import { makeIcmpv6Error } from './generate-icmpv6-error.ts'
import { IdentificationGenerator } from './identification.ts'
import { TokenBucket } from './rate-limit.ts'
import { translate4to6 } from './translate-4to6.ts'
import { translate6to4 } from './translate-6to4.ts'
import { Verdict } from './verdict.ts'
import { type Clock, makeRecords, type Output, type Xlate, type XlateSettings } from './xlate.ts'

/** What a translator needs from outside. */
export interface TranslatorParts {
  readonly map: AddressMap
  readonly settings: XlateSettings
  readonly clock: Clock
  readonly output: Output
  /** Gives an unsigned 16-bit random number. */
  readonly random: () => number
  /** Where the gateways for FTP and SIP count: `ALG_TALLIES` numbers. */
  readonly algCounts?: Float64Array
  /** What an operator should hear of them, each once. */
  readonly onAlgNote?: (note: AlgNote) => void
  /** Addresses of the pool are given out elsewhere too: see AWAITS_MAPPING. */
  readonly isShared?: boolean
  /** What NAT44 behind the translator makes of a connection; without it nothing is known of that. */
  readonly findOutside?: FindOutside
}

/**
 * The translator: takes packets as they come from the TUN, gives what becomes of them to `output` and says what it did.
 * One per thread.
 */
export class Translator {
  readonly #x: Xlate
  readonly #alg: Alg
  readonly #isShared: boolean

  constructor({ map, settings, clock, output, random, algCounts, onAlgNote, isShared, findOutside }: TranslatorParts) {
    this.#isShared = isShared ?? false
    const counts = algCounts ?? new Float64Array(ALG_TALLIES)
    this.#alg = new Alg(settings.alg, reportOnce(counts, onAlgNote ?? (() => undefined)), findOutside)
    this.#x = {
      ...makeRecords(),
      map,
      settings,
      clock,
      output,
      alg: this.#alg,
      ids: new IdentificationGenerator(random),
      errors4: new TokenBucket(settings.icmpErrorsPerSecond, settings.icmpErrorsBurst),
      errors6: new TokenBucket(settings.icmpErrorsPerSecond, settings.icmpErrorsBurst),
    }
  }

  /** The address map in force. */
  get map(): AddressMap {
    return this.#x.map
  }

  /** Puts another snapshot into force, between two packets. */
  swap(map: AddressMap, settings: XlateSettings): void {
    const x = this.#x
    x.map = map
    if (settings.icmpErrorsPerSecond !== x.settings.icmpErrorsPerSecond) {
      x.errors4 = new TokenBucket(settings.icmpErrorsPerSecond, settings.icmpErrorsBurst)
      x.errors6 = new TokenBucket(settings.icmpErrorsPerSecond, settings.icmpErrorsBurst)
    }
    x.settings = settings
    this.#alg.configure(settings.alg)
  }

  /** Index of the pref64 that the last packet went to; valid iff its verdict was NEEDS_MAPPING. */
  get wantedPref(): number {
    return this.#x.outerPair.pref
  }

  /** Connections of the gateways for FTP and SIP, for another process: JSON. */
  get gatewayState(): readonly FlowState[] {
    return this.#alg.state
  }

  /** Goes on with the connections of another process. */
  resumeGateway(states: readonly FlowState[]): void {
    this.#alg.resume(states)
  }

  /** True for a packet of a connection whose payload is edited: one translator must see all of it. */
  needsOneGateway(frame: Frame): boolean {
    return this.#alg.wantsAllOf(frame)
  }

  /**
   * Translates the packet in `frame`. After NEEDS_MAPPING the frame is as it came: hold it until its source has a
   * mapping. After AWAITS_MAPPING too: hold it for a moment, in which its destination may turn out to have one. For other
   * verdicts the packet is done with, and answered with an ICMP error where one is due.
   */
  process(frame: Frame): Verdict {
    if (frame.len < 1) return Verdict.NOT_IP
    const version = frame.view.getUint8(frame.o) >>> 4
    if (version === 6) return this.#from6(frame)
    return version === 4 ? this.#from4(frame, false, this.#isShared) : Verdict.NOT_IP
  }

  /** Answers a packet that was held and whose source gets no mapping. */
  refuse(frame: Frame, verdict: Verdict): void {
    // Reads the headers again: they were another packet's in the meantime. No mapping appears in between.
    if (translate6to4(this.#x, frame) === Verdict.NEEDS_MAPPING) this.#answer6(frame, verdict)
  }

  /** Does with a packet that was held and whose destination got no mapping what is done without waiting. */
  giveUp(frame: Frame): Verdict {
    return this.#from4(frame, false, false)
  }

  #from6(frame: Frame): Verdict {
    const x = this.#x
    const verdict = translate6to4(x, frame)
    if (verdict !== Verdict.TRANSLATED_6TO4) {
      if (verdict !== Verdict.NEEDS_MAPPING) this.#answer6(frame, verdict)
      return verdict
    }
    // RFC 7757 §4.2.2: the destination was reached through pref64 and is a host of ours.
    if (x.outerPair.dstInPref64 && x.map.isLocal4(x.outerPair.dst4)) {
      const back = this.#from4(frame, true, false)
      return back === Verdict.TRANSLATED_4TO6 ? Verdict.HAIRPINNED : back
    }
    x.output.send(frame)
    return verdict
  }

  #from4(frame: Frame, hairpin: boolean, canWait: boolean): Verdict {
    const x = this.#x
    let verdict = translate4to6(x, frame, hairpin)
    if (verdict === Verdict.TRANSLATED_4TO6) return verdict
    if (verdict === Verdict.OWN_ADDRESS) {
      verdict = answerEcho(x, frame)
      if (verdict === Verdict.ECHO_ANSWERED) {
        this.#deliver4(frame, hairpin)
        return verdict
      }
    }
    if (canWait && verdict === Verdict.NO_MAPPING && x.map.isPool4(x.outerPair.dst4)) return Verdict.AWAITS_MAPPING
    if (makeIcmpv4Error(x, frame, verdict)) this.#deliver4(x.reply, hairpin)
    return verdict
  }

  #answer6(frame: Frame, verdict: Verdict): void {
    const x = this.#x
    if (makeIcmpv6Error(x, frame, verdict)) x.output.send(x.reply)
  }

  /** An IPv4 packet of our own: back to the host of ours that asked (hairpin), else into the IPv4 network. */
  #deliver4(frame: Frame, hairpin: boolean): void {
    if (hairpin) translate4to6(this.#x, frame, true)
    else this.#x.output.send(frame)
  }
}
