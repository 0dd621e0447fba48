import { type Flowtable, type FlowSet, type Hook, METERS, type Ruleset } from './nft.ts'
import { FLOW_SETS } from './chain-unsolicited.ts'
import { chainNames, type Count, commentOf, idOfComment, sameFlowtables, type Standing } from './transaction.ts'

/** What `nft -j list table inet sixgate` said. */
export interface Listing extends Standing {
  /** Everything but handles and counter values: two listings of the same rules are the same text. */
  readonly fingerprint: string
  /** By rule id. */
  readonly counts: ReadonlyMap<string, Count>
  /** Comments of the rules in order, per chain. */
  readonly comments: ReadonlyMap<string, readonly string[]>
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const VOLATILE = new Set(['handle', 'packets', 'bytes', 'metainfo'])

/** `value`: the content of an object that nft lists. */
const isFlowSet = (value: Record<string, unknown>): boolean =>
  'timeout' in value && FLOW_SETS.some(({ name }) => name === value['name'])

const flowSetOf = ({ name, timeout, size }: Record<string, unknown>): FlowSet => ({
  name: String(name),
  timeoutS: Number(timeout),
  sizeMax: Number(size),
})

const stable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(stable)
  if (!isRecord(value)) return value
  // Packets fill dynamic sets, and time empties them: what is in them is nobody's change.
  // nft 1.0 does not list the flag of the same name in JSON.
  const isDynamic = isFlowSet(value) || (Array.isArray(value['flags']) && value['flags'].includes('dynamic'))
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !VOLATILE.has(key) && !(isDynamic && key === 'elem'))
      .map(([key, part]) => [key, stable(part)]),
  )
}

const countOf = (statements: readonly unknown[]): Count | undefined => {
  for (const statement of statements) {
    const counter = isRecord(statement) ? statement['counter'] : undefined
    if (!isRecord(counter)) continue
    const { packets, bytes } = counter
    if (typeof packets === 'number' && typeof bytes === 'number') return { packets, bytes }
  }
  return undefined
}

/** The objects in what `nft -j` printed. Throws an Error when it is not that. */
export const objectsOf = (text: string): readonly unknown[] => {
  const document: unknown = JSON.parse(text)
  const objects = isRecord(document) ? document['nftables'] : undefined
  if (!Array.isArray(objects)) throw new Error('no "nftables" array in it')
  return objects
}

/** The hook of a chain as nft lists it. What is no hook of ours (a device, another type) equals none of ours. */
const hookOf = ({ type, hook, prio, policy }: Record<string, unknown>): Hook | undefined =>
  hook === undefined ? undefined : ({ type, hook, prio, policy } as Hook)

const KINDS = ['metainfo', 'table', 'chain', 'rule', 'ct helper', 'flowtable']
const TABLE_KEYS = ['family', 'name', 'handle']

/** nft lists one device as a text, several as an array; in no particular order. */
const flowtableOf = ({ name, dev }: Record<string, unknown>): Flowtable => ({
  name: String(name),
  devices: (Array.isArray(dev) ? dev : dev === undefined ? [] : [dev]).map(String).toSorted(),
})

/** One that rules of ours fill. What a `meter` made is listed by nft from 1.1.2 on, earlier ones hide it. */
const isOwnSet = (set: unknown): boolean => isRecord(set) && (isFlowSet(set) || METERS.includes(String(set['name'])))

/** Whether an object is nothing but a table without flags, a chain, a rule, or what a rule of ours made. */
const isPlain = (object: unknown): boolean => {
  if (!isRecord(object)) return false
  const { table } = object
  if (isOwnSet(object['set'])) return true
  if (isRecord(table) && Object.keys(table).some((key) => !TABLE_KEYS.includes(key))) return false
  return Object.keys(object).every((key) => KINDS.includes(key))
}

/** A base chain of the hook `forward`, of whatever table. */
export interface ForwardChain {
  readonly family: string
  readonly table: string
  readonly name: string
  readonly policy: string
}

/** Reads the JSON of `nft -j list chains`: the chains that every forwarded packet passes. Throws an Error when it is not that. */
export const parseForwardChains = (text: string): readonly ForwardChain[] =>
  objectsOf(text).flatMap((object) => {
    const chain = isRecord(object) ? object['chain'] : undefined
    if (!isRecord(chain) || chain['hook'] !== 'forward') return []
    const { family, table, name, policy } = chain
    if (typeof family !== 'string' || typeof table !== 'string' || typeof name !== 'string') return []
    return [{ family, table, name, policy: typeof policy === 'string' ? policy : 'accept' }]
  })

/** Reads the JSON of `nft -j list table`. Throws an Error when it is not that. */
export const parseListing = (text: string): Listing => {
  const objects = objectsOf(text)
  const counts = new Map<string, Count>()
  const comments = new Map<string, string[]>()
  const chains = new Map<string, Hook | undefined>()
  const helpers: string[] = []
  const flowtables: Flowtable[] = []
  const sets: FlowSet[] = []
  for (const object of objects) {
    if (!isRecord(object)) continue
    const { chain, rule, set, 'ct helper': helper, flowtable } = object
    if (isRecord(set) && isFlowSet(set)) sets.push(flowSetOf(set))
    if (isRecord(flowtable)) flowtables.push(flowtableOf(flowtable))
    if (isRecord(helper)) helpers.push(String(helper['name']))
    if (isRecord(chain) && typeof chain['name'] === 'string') {
      comments.set(chain['name'], [])
      chains.set(chain['name'], hookOf(chain))
    }
    if (!isRecord(rule) || typeof rule['chain'] !== 'string') continue
    const comment = typeof rule['comment'] === 'string' ? rule['comment'] : ''
    comments.get(rule['chain'])?.push(comment)
    const id = idOfComment(comment)
    const count = Array.isArray(rule['expr']) ? countOf(rule['expr']) : undefined
    if (id !== undefined && count !== undefined) counts.set(id, count)
  }
  return {
    fingerprint: JSON.stringify(stable(objects)),
    counts,
    comments,
    chains,
    helpers,
    flowtables,
    sets,
    plain: objects.every(isPlain),
  }
}

/** Whether the flowtable, the chains and the rules in them are those of `ruleset`, by name and comment, in order. */
export const hasRulesOf = (listing: Listing, ruleset: Ruleset): boolean =>
  listing.comments.size === chainNames(ruleset).length &&
  sameFlowtables(ruleset.flowtable, listing.flowtables) &&
  ruleset.chains.every((chain) => {
    const found = listing.comments.get(chain.name)
    return found?.length === chain.rules.length && chain.rules.every((rule, index) => found[index] === commentOf(rule))
  })
