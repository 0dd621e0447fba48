import { formatBlockedHost, type Site, WEEKDAYS } from '@sixgate/site'
import {
  type Chain,
  days,
  hours,
  ip6,
  is,
  jump,
  l4proto,
  macSource,
  type Rule,
  rejectProhibited,
  rejectTcp,
  type Statement,
} from './nft.ts'
import { DAY_S, type Span, spansOf } from './schedule.ts'
import { type Facts, from, notTo, prefix } from './zones.ts'

type Block = Site['firewall']['blocks'][number]

const DAYS_A_WEEK = WEEKDAYS.length

/** As nft names days. */
const dayName = (day: number): string => {
  const name = WEEKDAYS[day] ?? ''
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
}

const within = (span: Span): readonly Statement[] => [
  ...(span.days.length === DAYS_A_WEEK ? [] : [days(span.days.map(dayName))]),
  ...(span.fromS === 0 && span.lastS === DAY_S - 1 ? [] : [hours(span.fromS, span.lastS)]),
]

const who = ({ host }: Block): Statement =>
  'mac' in host ? is(macSource, [host.mac]) : is(ip6.saddr, [prefix(host.prefix)])

/** Answered, so that nobody waits; and TCP flows that stood before end at once. */
const blocked: Chain = {
  name: 'blocked',
  base: undefined,
  rules: [
    {
      id: 'blocked-tcp',
      text: 'blocked host: TCP flows are ended',
      matches: [is(l4proto, ['tcp'])],
      verdict: rejectTcp,
    },
    { id: 'blocked', text: 'blocked host: answered', matches: [], verdict: rejectProhibited },
  ],
}

/** Chains for hosts that may not leave the LAN; none when nobody is blocked. */
export const blockChains = (site: Site): readonly Chain[] => (site.firewall.blocks.length === 0 ? [] : [blocked])

/** Before known flows, so that a time that begins ends what was going on. Within the LAN nothing is blocked. */
export const blockRules = (site: Site, facts: Facts): readonly Rule[] =>
  site.firewall.blocks.flatMap((block, index) => {
    const spans = spansOf(block, facts.utcOffsetS)
    const times = spans.length === 0 ? [[]] : spans.map(within)
    return times.map((time, part) => ({
      id: `block-${index + 1}${part === 0 ? '' : `-${part + 1}`}`,
      text: `firewall.blocks: ${formatBlockedHost(block.host)}${spans.length === 0 ? '' : ` (times in UTC; ${site.firewall.timezone})`}`,
      matches: [from(facts.lan), notTo(facts.lan), who(block), ...time],
      verdict: jump(blocked.name),
    }))
  })
