/**
 * Docker's FORWARD policy. dockerd sets the policy of the iptables chain FORWARD to DROP when it switches forwarding on
 * itself (27.x for IPv6 in any case), and an accept in a table of ours cannot undo a drop in another. Docker's own place for
 * rules of others is the chain DOCKER-USER. This file decides what belongs where; io runs it.
 *
 * What engines leave behind, by their documents and sources (`testdata/docker/` has each state):
 * | engine | IPv4 | IPv6 |
 * | --- | --- | --- |
 * | ≤ 26 | DROP if it switched forwarding on; DOCKER-USER | nothing unless `ip6tables` is set |
 * | 27 | the same | DROP in any case; DOCKER-USER |
 * | 28, 29 | DROP if it switched forwarding on (not with `ip-forward-no-drop`); DOCKER-USER, DOCKER-FORWARD | the same |
 * | 29, nftables backend | no iptables chains; an earlier DROP and an earlier jump to DOCKER-USER stay until a reboot | the same |
 */
import type { ForwardChain } from './listing.ts'
import { linksOf, type SiteLinks } from './zones.ts'

export type IpFamily = 4 | 6

/** Our mark in `--comment`: by it we find again what is ours. */
export const DOCKER_COMMENT = 'sixgate'
const USER_CHAIN = 'DOCKER-USER'
const FORWARD = 'FORWARD'

/** iptables-nft works on the nft tables `filter` of these families. */
const NFT_FAMILY: Readonly<Record<IpFamily, string>> = { 4: 'ip', 6: 'ip6' }
const FILTER = 'filter'

const isIptablesChain = (chain: ForwardChain, family: IpFamily): boolean =>
  chain.family === NFT_FAMILY[family] && chain.table === FILTER && chain.name === FORWARD

/** Whether iptables-nft has a FORWARD chain. A table that nft itself filled may have the same name, but not this chain. */
export const hasIptablesForward = (chains: readonly ForwardChain[], family: IpFamily): boolean =>
  chains.some((chain) => isIptablesChain(chain, family))

/**
 * Chains of others that drop what they do not know, where no accept of ours can help: firewalld, or an owner's nft file.
 * Whether they let our packets pass is not looked at.
 */
export const foreignDrops = (chains: readonly ForwardChain[]): readonly ForwardChain[] =>
  chains.filter(
    (chain) =>
      chain.policy === 'drop' &&
      chain.table !== 'sixgate' &&
      !isIptablesChain(chain, 4) &&
      !isIptablesChain(chain, 6) &&
      ['ip', 'ip6', 'inet'].includes(chain.family),
  )

/** One rule as `iptables -S` prints it behind `-A CHAIN`, cut at the spaces. */
export type RuleWords = readonly string[]

/** The filter table of one family and one iptables flavour. */
export interface FilterTable {
  /** Policy of FORWARD; undefined: there is no such table. */
  readonly forwardPolicy: string | undefined
  readonly chains: ReadonlyMap<string, readonly RuleWords[]>
}

export interface DockerAction {
  readonly operation: 'insert' | 'delete'
  readonly chain: string
  readonly rule: RuleWords
}

export const NO_FILTER_TABLE: FilterTable = { forwardPolicy: undefined, chains: new Map() }

/** Without /etc/protocols iptables prints another name, or the number. */
const ICMPV6_NAMES = ['icmpv6', '58']
const ICMPV6 = 'ipv6-icmp'

/** Cuts a line of `iptables -S` at the spaces outside of quotes; quotes are taken off. */
const words = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)]
    .map(([, quoted, plain]) => quoted ?? plain ?? '')
    .map((word, index, all) => (all[index - 1] === '-p' && ICMPV6_NAMES.includes(word) ? ICMPV6 : word))

/** Reads `iptables -S` of the filter table. Lines that are no chain and no rule are left out. */
export const parseFilterTable = (text: string): FilterTable => {
  const chains = new Map<string, RuleWords[]>()
  let forwardPolicy: string | undefined
  for (const line of text.split('\n')) {
    const [operation, chain, ...rest] = words(line)
    if (chain === undefined) continue
    if (operation === '-P' || operation === '-N') chains.set(chain, [])
    if (operation === '-P' && chain === FORWARD) forwardPolicy = rest[0]
    if (operation === '-A') chains.get(chain)?.push(rest)
  }
  return { forwardPolicy, chains }
}

/** Table of an engine with the nftables backend, in the families ip and ip6. */
const DOCKER_TABLE = 'docker-bridges'
/** Chains that only an engine with iptables makes; an orphan DOCKER-USER may be left of an earlier one. */
const DOCKER_CHAINS = ['DOCKER-FORWARD', 'DOCKER-ISOLATION-STAGE-1', 'DOCKER']

export type EngineBackend = 'nftables' | 'iptables-nft' | 'iptables-legacy'

/** How the Docker engine filters here; undefined: there is none, or it leaves filtering alone. */
export const engineBackend = (
  chains: readonly ForwardChain[],
  filters: readonly (readonly [flavour: 'nft' | 'legacy', table: FilterTable])[],
): EngineBackend | undefined => {
  if (chains.some(({ table }) => table === DOCKER_TABLE)) return 'nftables'
  const [flavour] = filters.find(([, table]) => DOCKER_CHAINS.some((name) => table.chains.has(name))) ?? []
  return flavour === undefined ? undefined : `iptables-${flavour}`
}

const COMMENT: RuleWords = ['-m', 'comment', '--comment', DOCKER_COMMENT]
const ACCEPT: RuleWords = ['-j', 'ACCEPT']
const REPLIES: RuleWords = ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED']
/** Flows whose destination was rewritten: by our table, which also decides whether they may pass. */
const FORWARDED: RuleWords = ['-m', 'conntrack', '--ctstate', 'DNAT']

/** Words in the order in which `iptables -S` prints them, so that they can be compared with it. */
const acceptBetween = (from: string, to: string, ...condition: RuleWords): RuleWords => [
  '-i',
  from,
  '-o',
  to,
  ...condition,
  ...COMMENT,
  ...ACCEPT,
]

/**
 * Our accepts. The table `inet sixgate` rules over the same packets; here the inbound ones are held to replies all the
 * same, so that the LAN is not open should someone delete that table.
 */
export const wantedRules = (
  family: IpFamily,
  { lan, tun, uplinks, lan4, forwards }: SiteLinks,
): readonly RuleWords[] => {
  if (family === 4)
    return [
      acceptBetween(tun, tun),
      ...uplinks.flatMap((wan) => [
        acceptBetween(tun, wan),
        acceptBetween(wan, tun, ...REPLIES),
        ...(forwards ? [acceptBetween(wan, tun, ...FORWARDED)] : []),
        ...lan4.flatMap((link) => [acceptBetween(link, wan), acceptBetween(wan, link, ...REPLIES)]),
      ]),
      ...(forwards ? lan4.flatMap((link) => [acceptBetween(link, tun), acceptBetween(tun, link, ...REPLIES)]) : []),
    ]
  return linksOf(lan).flatMap((link) => [
    acceptBetween(link, link),
    acceptBetween(link, tun),
    acceptBetween(tun, link),
    ...uplinks.flatMap((wan) => [
      acceptBetween(link, wan),
      acceptBetween(wan, link, ...REPLIES),
      // -p comes behind the links in what iptables prints.
      acceptBetween(wan, link, '-p', ICMPV6, '-m', 'icmp6', '--icmpv6-type', '128'),
    ]),
  ])
}

const key = (rule: RuleWords): string => rule.join('\0')

const isOurs = (rule: RuleWords): boolean =>
  rule.some((word, index) => word === '--comment' && rule[index + 1] === DOCKER_COMMENT)

const isUnconditional = (rule: RuleWords, ...targets: readonly string[]): boolean =>
  rule[0] === '-j' && targets.includes(rule[1] ?? '')

/** Whether what falls through FORWARD is dropped: by its policy, or by a last rule without condition. */
const dropsTheRest = (table: FilterTable): boolean =>
  table.forwardPolicy === 'DROP' ||
  (table.chains.get(FORWARD) ?? []).some((rule) => isUnconditional(rule, 'DROP', 'REJECT'))

/**
 * Where our accepts belong. DOCKER-USER when Docker made it and FORWARD passes through it. Without it, FORWARD itself, but
 * only when it drops the rest: then nothing of ours would pass at all (an engine that moved to its nftables backend, ufw, or
 * an owner's own rules). Else nowhere: what needs no rule gets none.
 */
export const chooseChain = (table: FilterTable): string | undefined => {
  const jumps = (table.chains.get(FORWARD) ?? []).some((rule) => isUnconditional(rule, USER_CHAIN))
  if (table.chains.has(USER_CHAIN) && jumps) return USER_CHAIN
  return dropsTheRest(table) ? FORWARD : undefined
}

/** How many rules at the start of the chain can be reached: all up to the first one that ends it without condition. */
const reachable = (rules: readonly RuleWords[]): number => {
  const end = rules.findIndex((rule) => isUnconditional(rule, 'RETURN', 'DROP', 'REJECT', 'ACCEPT'))
  return end === -1 ? rules.length : end
}

/** Deletes of everything that carries our mark, wherever it stands. */
const deletesOf = (table: FilterTable, keep: (chain: string, rule: RuleWords) => boolean): readonly DockerAction[] =>
  [...table.chains].flatMap(([chain, rules]) =>
    rules
      .filter((rule) => isOurs(rule) && !keep(chain, rule))
      .map((rule): DockerAction => ({ operation: 'delete', chain, rule })),
  )

/**
 * What to do so that `wanted` stands in the right chain once each, where packets reach it, and nowhere else is anything of
 * ours. Rules of others are never touched, nor is the order between theirs and ours. Empty when all is well.
 */
export const planDocker = (table: FilterTable, wanted: readonly RuleWords[]): readonly DockerAction[] => {
  const target = chooseChain(table)
  if (target === undefined) return planDockerRemoval(table)
  const rules = table.chains.get(target) ?? []
  const end = reachable(rules)
  /** iptables -D takes the first of equal rules, so twins go together and one comes anew. */
  const stands = (rule: RuleWords): boolean => {
    const places = rules.flatMap((other, index) => (key(other) === key(rule) ? [index] : []))
    return places.length === 1 && (places[0] ?? end) < end
  }
  const missing = wanted.filter((rule) => !stands(rule))
  const standing = new Set(wanted.filter(stands).map(key))
  return [
    ...deletesOf(table, (chain, rule) => chain === target && standing.has(key(rule))),
    // Each is inserted at the head, so the last one goes first.
    ...missing.toReversed().map((rule): DockerAction => ({ operation: 'insert', chain: target, rule })),
  ]
}

/** What to do so that nothing of ours is left. */
export const planDockerRemoval = (table: FilterTable): readonly DockerAction[] => deletesOf(table, () => false)

/** Arguments for iptables or ip6tables. */
export const argumentsOf = ({ operation, chain, rule }: DockerAction): readonly string[] => [
  '-w',
  '5',
  operation === 'insert' ? '-I' : '-D',
  chain,
  ...rule,
]
