import type { Site } from '@sixgate/site'
import { blockChains } from './blocks.ts'
import { forward } from './chain-forward.ts'
import { input } from './chain-input.ts'
import { departures, mss, nat } from './chain-nat.ts'
import { arrivals, lanPaths, lanSources } from './chain-source.ts'
import { FLOW_SETS, unsolicited } from './chain-unsolicited.ts'
import { fastChains, flowtable } from './flowtable.ts'
import { helperChains, usedHelpers } from './helpers.ts'
import { wanAccept } from './limits.ts'
import { isReachable6 } from './native-rules.ts'
import { type Chain, jump, METERS, type Rule, type Ruleset } from './nft.ts'
import { dnat } from './port-forwards.ts'
import { hasUserChain, NO_USER_RULES, type UserChain, type UserRules } from './user-rules.ts'
import type { Facts } from './zones.ts'

const jumpRule = (to: UserChain): Rule => ({
  id: to.replaceAll('_', '-'),
  text: "the owner's rules",
  matches: [],
  verdict: jump(to),
})

/** Which of our chains jumps to which of theirs, and behind which of our rules (undefined: first of all). */
const JUMPS: readonly (readonly [chain: string, to: UserChain, behind: string | undefined])[] = [
  ['arrivals', 'user_arrivals', 'arrivals-lo'],
  ['input', 'user_input', undefined],
  ['forward', 'user_forward', undefined],
  ['departures', 'user_departures', 'departures-lo'],
  ['dnat', 'user_dnat', undefined],
  ['nat', 'user_snat', undefined],
]

const withJumps = (chain: Chain, user: UserRules): Chain => {
  const [, to, behind] = JUMPS.find(([name, to]) => name === chain.name && hasUserChain(user, to)) ?? []
  if (to === undefined) return chain
  const at = chain.rules.findIndex(({ id }) => id === behind) + 1
  return { ...chain, rules: [...chain.rules.slice(0, at), jumpRule(to), ...chain.rules.slice(at)] }
}

/** Only there when the owner or the document rewrites destinations; the owner first. */
const dnatChains = (site: Site, facts: Facts, user: UserRules): readonly Chain[] => {
  const chain = dnat(site, facts)
  return chain.rules.length > 0 || hasUserChain(user, 'user_dnat') ? [chain] : []
}

/** The whole table `inet sixgate` for a document on a machine. Pure: the same input gives the same rules. */
export const buildRuleset = (site: Site, facts: Facts, user: UserRules = NO_USER_RULES): Ruleset => ({
  user,
  helpers: usedHelpers(site, facts),
  sets: isReachable6(site, facts) ? FLOW_SETS : [],
  flowtable: flowtable(site, facts, user),
  chains: [
    lanPaths(site),
    lanSources(site, facts),
    wanAccept(site, facts),
    ...(isReachable6(site, facts) ? [unsolicited] : []),
    ...blockChains(site),
    ...arrivals(site, facts),
    ...helperChains(site, facts),
    ...dnatChains(site, facts, user),
    input(site, facts),
    ...mss(site, facts),
    ...fastChains(site, facts, user),
    forward(site, facts, user),
    nat(site, facts),
    departures(site, facts),
  ].map((chain) => withJumps(chain, user)),
})

/** Names that the owner's sets cannot have. */
export const OWN_SETS: readonly string[] = [...METERS, ...FLOW_SETS.map(({ name }) => name)]

/** Names that the owner's chains cannot have. */
export const OWN_CHAINS: readonly string[] = [
  'lan_paths',
  'lan_sources',
  'wan_accept',
  'unsolicited',
  'blocked',
  'helpers',
  'arrivals',
  'arrivals_nat64',
  'dnat',
  'input',
  'mss',
  'mss_syn',
  'fast',
  'forward',
  'nat',
  'departures',
]
