/** A translator over a fixed site, for tests: packets in, packets out. */
import assert from 'node:assert/strict'
import { parseIp4, parseIp6, parsePref64, parsePrefix4, parsePrefix6 } from '@sixgate/addr'
import type { FindOutside } from '../core/alg/outside.ts'
import type { AlgNote } from '../core/alg/tally.ts'
import { AddressMap, type AddressMapConfig } from '../core/address-map/address-map.ts'
import type { Eam } from '../core/address-map/eamt.ts'
import { HostTable } from '../core/address-map/host-table.ts'
import { Frame, HEADROOM, readVnet, writeVnet } from '../core/frame.ts'
import { Translator } from '../core/translator.ts'
import { VERDICT_NAMES, type VerdictName } from '../core/verdict.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { type Clock, DEFAULT_SETTINGS, type XlateSettings } from '../core/xlate.ts'
import type { Octets } from './packet-builder.ts'

/** Addresses of the test site. Two IPv6 hosts that have mappings, one that has none, and an IPv4 server (RFC 6052 §2.4). */
export const HOST_A = { ip6: '2001:db8:1::10', ip4: '198.18.0.10' } as const
export const HOST_B = { ip6: '2001:db8:1::11', ip4: '198.18.0.11' } as const
export const STRANGER6 = '2001:db8:1::99'
export const SERVER = '192.0.2.33'
export const SERVER6 = '64:ff9b::192.0.2.33'
export const OWN4 = '198.18.0.1'
export const OWN6 = '2001:db8:1::1'
export const PREF64 = '64:ff9b::/96'
export const POOL4 = '198.18.0.0/24'

const must = <T>(value: T | undefined, text: string): T => value ?? assert.fail(text)
export const ip4Of = (text: string) => must(parseIp4(text), text)
export const ip6Of = (text: string) => must(parseIp6(text), text)
export const prefix4Of = (text: string) => must(parsePrefix4(text), text)
export const prefix6Of = (text: string) => must(parsePrefix6(text), text)
export const pref64Of = (text: string) => {
  const result = parsePref64(text)
  return result.ok ? result.pref64 : assert.fail(`${text}: ${result.reason}`)
}
export const eam = (prefix6: string, prefix4: string): Eam => ({
  prefix6: prefix6Of(prefix6),
  prefix4: prefix4Of(prefix4),
})

/** What a test changes of the site. */
export interface LabOptions {
  readonly map?: Partial<AddressMapConfig>
  readonly settings?: Partial<XlateSettings>
  /** Dynamic mappings: IPv6 host, IPv4 address, index of the pref64. */
  readonly hosts?: readonly (readonly [ip6: string, ip4: string, pref: number])[]
  /** NAT44 behind the translator. */
  readonly findOutside?: FindOutside
  /** Addresses of the pool are given out elsewhere too. */
  readonly isShared?: boolean
  /** Who hears of connections that are not understood. */
  readonly onAlgNote?: (note: AlgNote) => void
}

const DEFAULT_HOSTS = [
  [HOST_A.ip6, HOST_A.ip4, 0],
  [HOST_B.ip6, HOST_B.ip4, 0],
] as const

/** The address map of a test, without the dynamic mappings. */
export const addressMapConfig = ({ map = {} }: LabOptions): AddressMapConfig => ({
  pref64: [pref64Of(PREF64)],
  pool4: [prefix4Of(POOL4)],
  eams: [],
  forbidden4: [],
  sources6: [],
  wellKnownPrefixPolicy: 'off',
  own4: ip4Of(OWN4),
  own6: ip6Of(OWN6),
  errorSource: 'own',
  ...map,
})

/** The dynamic mappings of a test. */
export const hostsOf = ({ hosts = DEFAULT_HOSTS }: LabOptions) =>
  hosts.map(([ip6, ip4, pref], slot) => ({ slot, ip6: ip6Of(ip6), pref, ip4: ip4Of(ip4) }))

/** What came of one packet. */
export interface Outcome {
  readonly verdict: VerdictName
  /** Packets as they would be written to the TUN: offload header and IP packet. */
  readonly out: readonly Uint8Array[]
}

/** No offload: what stands before an ordinary packet. */
export const PLAIN: Octets = Array.from({ length: VNET.LEN }, () => 0)

export class CoreLab {
  readonly clock: Clock = { nowMs: 1_000_000, nowS: 1000 }
  translator: Translator
  readonly #options: LabOptions
  readonly settings: XlateSettings
  readonly frame = new Frame()
  #out: Uint8Array[] = []

  constructor(options: LabOptions = {}) {
    this.#options = options
    this.settings = { ...DEFAULT_SETTINGS, ...options.settings }
    this.translator = this.#makeTranslator()
  }

  #makeTranslator(): Translator {
    const table = new HostTable(new Uint32Array(16), 7)
    for (const { slot, ip6, pref, ip4 } of hostsOf(this.#options)) table.install(slot, ip6, pref, ip4)
    return new Translator({
      map: new AddressMap(addressMapConfig(this.#options), table),
      settings: this.settings,
      clock: this.clock,
      output: { send: (frame) => this.#keep(frame), sendPiece: (frame) => this.#keep(frame) },
      random: () => 0,
      isShared: this.#options.isShared ?? false,
      ...(this.#options.findOutside === undefined ? {} : { findOutside: this.#options.findOutside }),
      ...(this.#options.onAlgNote === undefined ? {} : { onAlgNote: this.#options.onAlgNote }),
    })
  }

  /** Another process goes on, with what it is told of the gateways' connections. */
  handOver(): void {
    const told = JSON.stringify(this.translator.gatewayState)
    this.translator = this.#makeTranslator()
    this.translator.resumeGateway(JSON.parse(told) as typeof this.translator.gatewayState)
  }

  #keep(frame: Frame): void {
    writeVnet(frame)
    this.#out.push(frame.bytes.slice(frame.o - VNET.LEN, frame.o + frame.len))
  }

  /** Gives the translator what a read of the TUN would: offload header and IP packet. */
  play(octets: Uint8Array | Octets): Outcome {
    this.#out = []
    this.frame.bytes.set(octets, HEADROOM - VNET.LEN)
    const verdict = readVnet(this.frame, octets.length) ? this.translator.process(this.frame) : 13
    return { verdict: VERDICT_NAMES[verdict] ?? assert.fail(`verdict ${verdict} has no name`), out: this.#out }
  }

  /** What is sent while `work` runs, without offload headers. */
  capture(work: () => void): readonly Octets[] {
    this.#out = []
    work()
    return this.#out.map((octets) => [...octets.subarray(VNET.LEN)])
  }

  /** Gives the translator an IP packet without offload; packets come back the same way. */
  playPacket(packet: Octets): { verdict: VerdictName; out: readonly Octets[] } {
    const { verdict, out } = this.play([...PLAIN, ...packet])
    return { verdict, out: out.map((octets) => [...octets.subarray(VNET.LEN)]) }
  }

  /** Second in which the host in this slot was last seen. */
  seenS(slot: number): number {
    return this.translator.map.hosts.lastSeenS[slot] ?? assert.fail()
  }
}
