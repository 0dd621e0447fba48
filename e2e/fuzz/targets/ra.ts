import { type Ip6, parseIp6 } from '@sixgate/addr'
import { parseSite } from '@sixgate/site'
import { advertisementOf } from '../../../services/ra-advertiser/src/core/advertisement.ts'
import { encodeOffer, readDiscover } from '../../../services/ra-advertiser/src/core/dhcp4.ts'
import { ALL_WELL } from '../../../services/ra-advertiser/src/core/health.ts'
import { NdpError } from '../../../services/ra-advertiser/src/core/ndp-error.ts'
import { reportNeighbour } from '../../../services/ra-advertiser/src/core/neighbour-report.ts'
import { hearRouter, type Neighbour, NEIGHBOURS_MAX } from '../../../services/ra-advertiser/src/core/neighbours.ts'
import { checkAdvertisement } from '../../../services/ra-advertiser/src/core/ra-check.ts'
import {
  decodeRouterAdvertisement,
  encodeRouterAdvertisement,
} from '../../../services/ra-advertiser/src/core/ra-wire.ts'
import { checkSolicitation, EXPLAIN_RS, RsVerdict } from '../../../services/ra-advertiser/src/core/rs-check.ts'
import { ASKS_108, DISCOVER, frame } from '../../../services/ra-advertiser/src/testkit/dhcp4-frame.ts'
import type { Target } from '../target.ts'

const ip6 = (text: string): Ip6 => parseIp6(text) ?? (new Uint8Array(16) as Ip6)

const site = parseSite({
  lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64' },
  pref64: ['64:ff9b::/96', '2001:db8:64::/48'],
  nat64: { pool4: ['198.18.0.0/16'] },
  ra: {
    dnssl: ['lan.example', 'example'],
    captivePortal: 'https://portal.example/',
    routes: [{ prefix: '2001:db8:5::/48', preference: 'low' }],
    linkMtu: 1400,
  },
})
const OURS = advertisementOf(
  site,
  { mac: Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1), mtuBytes: 1500 },
  { forwarding: true, health: ALL_WELL, unixMs: 1_800_000_000_000 },
)

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** Terminals obey these; what a stranger on the LAN says is shown to the operator. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

let known: readonly Neighbour[] = []
let nowMs = 0

const texts = (value: unknown): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(texts)
      : []

const judgeAdvertisement = (message: Uint8Array): string | undefined => {
  const router = ip6(`fe80::${(nowMs % 200).toString(16)}`)
  const checked = checkAdvertisement({ message, source: router, hopLimit: 255, fragmented: false })
  if ('refused' in checked) return checked.refused === 'malformed' ? undefined : `refused as ${checked.refused}`
  // What was read can be written, and reads the same.
  const { ignored, ...ra } = checked.ra
  try {
    const again = decodeRouterAdvertisement(encodeRouterAdvertisement(ra))
    if (JSON.stringify(again.options) !== JSON.stringify(ra.options))
      return 'the options read otherwise when written again'
  } catch (error) {
    // Values may be beyond what we may say ourselves; that is said.
    if (!(error instanceof NdpError)) throw error
  }
  nowMs += 1000
  const heard = hearRouter(known, { router, ra: { ...ra, ignored }, nowMs }, { ours: OURS, known: [] })
  known = heard.neighbours
  if (known.length > NEIGHBOURS_MAX) return `${known.length} neighbours are kept`
  const odd = texts(reportNeighbour('lan0', heard.neighbour, nowMs)).find((text) => CONTROL.test(text))
  return odd === undefined ? undefined : `control characters of a stranger are shown: ${JSON.stringify(odd)}`
}

/** RFC 4861 §6.1.1 once more, slowly. */
const isSolicitation = (message: Uint8Array, source: Ip6): boolean => {
  if (message.length < 8 || message[0] !== 133 || message[1] !== 0) return false
  for (let at = 8; at < message.length; ) {
    const units = message[at + 1] ?? 0
    if (units === 0 || at + units * 8 > message.length) return false
    if (message[at] === 1 && source.every((octet) => octet === 0)) return false
    at += units * 8
  }
  return true
}

const judgeSolicitation = (message: Uint8Array): string | undefined => {
  for (const source of [ip6('::'), ip6('fe80::1')]) {
    const verdict = checkSolicitation({ message, source, hopLimit: 255, fragmented: false })
    const [name] = Object.entries(RsVerdict).find(([, number]) => number === verdict) ?? []
    if (name === undefined || !(name in EXPLAIN_RS)) return `verdict ${verdict} has no name`
    if ((verdict === RsVerdict.OK) !== isSolicitation(message, source)) return `${name}, by the RFC it is not so`
  }
  return undefined
}

const judgeDiscover = (frame: Uint8Array): string | undefined => {
  const read = readDiscover(frame)
  if (typeof read === 'string') return undefined
  const offer = encodeOffer(read, Uint8Array.of(2, 0, 0, 0, 0, 1), 1800)
  return offer.length > 600 ? `an offer of ${offer.length} octets` : undefined
}

export const RA: Target = {
  name: 'ra',
  seeds: {
    ra: [
      encodeRouterAdvertisement(OURS),
      encodeRouterAdvertisement({ ...OURS, options: OURS.options.slice(0, 2) }),
      hex('86 00 0000 40 00 0708 00000000 00000000'),
    ],
    rs: [
      hex('85 00 0000 00000000'),
      hex('85 00 0000 00000000 01 01 02005e100002'),
      hex('85 00 0000 00000000 01 01 02005e100002 0e 01 010203040506'),
    ],
    dhcp4: [frame(`${DISCOVER} ${ASKS_108} ff`), frame(`${DISCOVER} ff`)],
  },
  judge: (kind, input) =>
    kind === 'ra' ? judgeAdvertisement(input) : kind === 'rs' ? judgeSolicitation(input) : judgeDiscover(input),
}
