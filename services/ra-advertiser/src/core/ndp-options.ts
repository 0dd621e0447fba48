import { NdpError } from './ndp-error.ts'
import { CAPTIVE_PORTAL, type CaptivePortal } from './options/captive-portal.ts'
import { DNR, type Dnr } from './options/dnr.ts'
import { DNSSL, type Dnssl } from './options/dnssl.ts'
import { SLLA, type SourceLinkLayerAddress } from './options/link-layer-address.ts'
import { MTU, type MtuOption } from './options/mtu.ts'
import type { OptionCodec } from './options/option-codec.ts'
import { PREF64, type Pref64Option } from './options/pref64.ts'
import { PIO, type PrefixInformation } from './options/prefix-information.ts'
import { RDNSS, type Rdnss } from './options/rdnss.ts'
import { RIO, type RouteInformation } from './options/route-information.ts'
import { Reader, Writer } from './wire-cursor.ts'

/** An option that this service does not know, kept as it came (RFC 4861 §4.6: unknown options are skipped). */
export interface UnknownOption {
  readonly kind: 'unknown'
  readonly type: number
  /** Everything behind the Length field. */
  readonly body: Uint8Array
}

/** An option of a Router Solicitation or Router Advertisement. */
export type NdpOption =
  | SourceLinkLayerAddress
  | PrefixInformation
  | MtuOption
  | RouteInformation
  | Rdnss
  | Dnssl
  | CaptivePortal
  | Dnr
  | Pref64Option
  | UnknownOption

type KnownKind = Exclude<NdpOption, UnknownOption>['kind']

const CODECS: { readonly [Kind in KnownKind]: OptionCodec<Extract<NdpOption, { kind: Kind }>> } = {
  slla: SLLA,
  pio: PIO,
  mtu: MTU,
  rio: RIO,
  rdnss: RDNSS,
  dnssl: DNSSL,
  'captive-portal': CAPTIVE_PORTAL,
  dnr: DNR,
  pref64: PREF64,
}

const CODEC_OF_TYPE: ReadonlyMap<number, OptionCodec<NdpOption>> = new Map(
  Object.values(CODECS).map((codec) => [codec.type, codec as unknown as OptionCodec<NdpOption>]),
)

/** RFC 4861 §4.6: "Length … in units of 8 octets", Type and Length included. */
const UNIT_LEN = 8
const UNITS_MAX = 255
const TYPE_AND_LENGTH_LEN = 2

/**
 * Writes one option:
 * ```
 * option = type:u8 units:u8 body padding:zeros   (RFC 4861 §4.6; padded to units × 8 octets)
 * ```
 * Throws NdpError `bad-value` when it cannot be written.
 */
export const encodeOption = (option: NdpOption): Uint8Array => {
  const body = new Writer(option.kind === 'unknown' ? `option ${option.type}` : CODECS[option.kind].name)
  if (option.kind === 'unknown') body.bytes(option.body)
  else (CODECS[option.kind] as OptionCodec<NdpOption>).encode(option, body)
  const type = option.kind === 'unknown' ? option.type : CODECS[option.kind].type
  const units = Math.ceil((TYPE_AND_LENGTH_LEN + body.length) / UNIT_LEN)
  if (units > UNITS_MAX)
    throw new NdpError('bad-value', `option ${type}: ${units * UNIT_LEN} octets, allowed are ${UNITS_MAX * UNIT_LEN}`)
  const padding = units * UNIT_LEN - TYPE_AND_LENGTH_LEN - body.length
  return new Writer(`option ${type}`).u8(type).u8(units).bytes(body.zeros(padding).done()).done()
}

/** One option as it stands in a message. */
export interface OptionSlice {
  readonly type: number
  /** Everything behind the Length field: a view into the message, read-only. */
  readonly body: Uint8Array
}

/**
 * Cuts the option area `bytes` (everything behind the message's fixed part) into options without reading them.
 * Throws NdpError `bad-length` for a Length of zero (RFC 4861 §4.6: "MUST silently discard an ND packet that contains an
 * option with length zero") and `truncated` when the last option runs past the end.
 */
export const sliceOptions = (bytes: Uint8Array): OptionSlice[] => {
  const slices: OptionSlice[] = []
  let at = 0
  while (at < bytes.length) {
    const type = bytes[at] ?? 0
    const units = bytes[at + 1]
    if (units === undefined) throw new NdpError('truncated', `option ${type}: ends before its Length field`)
    if (units === 0) throw new NdpError('bad-length', `option ${type}: Length is zero`)
    const end = at + units * UNIT_LEN
    if (end > bytes.length)
      throw new NdpError(
        'truncated',
        `option ${type}: Length says ${units * UNIT_LEN} octets, the message has only ${bytes.length - at} left`,
      )
    slices.push({ type, body: bytes.subarray(at + TYPE_AND_LENGTH_LEN, end) })
    at = end
  }
  return slices
}

/** Reads one option; an unknown type comes back as it is. Throws NdpError when a known one breaks its own format. */
export const decodeOption = ({ type, body }: OptionSlice): NdpOption => {
  const codec = CODEC_OF_TYPE.get(type)
  if (codec === undefined) return { kind: 'unknown', type, body: body.slice() }
  const units = (body.length + TYPE_AND_LENGTH_LEN) / UNIT_LEN
  if (!codec.allowsUnits(units)) throw new NdpError('bad-length', `${codec.name}: Length ${units} is not allowed`)
  return codec.decode(new Reader(body, codec.name))
}
