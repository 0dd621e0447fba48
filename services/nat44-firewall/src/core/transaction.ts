import { type Chain, FLOW_KEY, type Flowtable, type FlowSet, type Hook, type Rule, type Ruleset } from './nft.ts'
import { FAMILY, type Json, TABLE } from './table.ts'

/** What a rule has counted since the table was first made. */
export interface Count {
  readonly packets: number
  readonly bytes: number
}

/** A script for `nft -j -f -`. */
export interface Transaction {
  readonly nftables: readonly { readonly [key: string]: Json }[]
}

export const commentOf = (rule: Rule): string => `${rule.id}: ${rule.text}`

/** The id in a comment that `commentOf` wrote; undefined: not one of ours. */
export const idOfComment = (comment: string): string | undefined => /^([a-z0-9-]+): /.exec(comment)?.[1]

const METAINFO = { metainfo: { json_schema_version: 1 } } as const
const TABLE_OBJECT = { table: { family: FAMILY, name: TABLE } } as const

const chainObject = ({ name, base }: Chain): Json => ({
  chain: { family: FAMILY, table: TABLE, name, ...(base === undefined ? {} : { ...base }) },
})

const ruleObject = (chain: string, rule: Rule, count: Count | undefined): Json => ({
  rule: {
    family: FAMILY,
    table: TABLE,
    chain,
    comment: commentOf(rule),
    expr: [
      ...rule.matches,
      { counter: count === undefined ? null : { packets: count.packets, bytes: count.bytes } },
      rule.verdict,
    ],
  },
})

/** Before our chains, which jump to theirs. */
const addUserRules = ({ user }: Ruleset): Transaction['nftables'] => user.objects.map((object) => ({ add: object }))

/** Ours and the owner's. */
export const chainNames = ({ chains, user }: Ruleset): readonly string[] => [
  ...chains.map(({ name }) => name),
  ...user.chains,
]

const addHelpers = ({ helpers }: Ruleset): Transaction['nftables'] =>
  helpers.map(({ name, type, protocol }) => ({
    add: { 'ct helper': { family: FAMILY, table: TABLE, name, type, protocol, l3proto: 'inet' } },
  }))

/** Before the rules that name it. */
const addFlowtable = ({ flowtable }: Ruleset): Transaction['nftables'] =>
  flowtable === undefined
    ? []
    : [
        {
          add: {
            flowtable: {
              family: FAMILY,
              table: TABLE,
              name: flowtable.name,
              hook: 'ingress',
              prio: 0,
              dev: flowtable.devices,
            },
          },
        },
      ]

/** Before the rules that fill them. `standing` ones stay, with what is in them: the kernel takes none twice. */
const addSets = ({ sets }: Ruleset, standing: readonly FlowSet[]): Transaction['nftables'] =>
  sets
    .filter(({ name }) => !standing.some((other) => other.name === name))
    .map(({ name, timeoutS, sizeMax }) => ({
      add: {
        set: {
          family: FAMILY,
          table: TABLE,
          name,
          type: FLOW_KEY,
          flags: ['timeout'],
          timeout: timeoutS,
          size: sizeMax,
        },
      },
    }))

const addChains = (ruleset: Ruleset): Transaction['nftables'] =>
  ruleset.chains.map((chain) => ({ add: chainObject(chain) }))

/** Rules that keep their id go on counting from `kept`. */
const addRules = (ruleset: Ruleset, kept: ReadonlyMap<string, Count>): Transaction['nftables'] =>
  ruleset.chains.flatMap((chain) =>
    chain.rules.map((rule) => ({ add: ruleObject(chain.name, rule, kept.get(rule.id)) })),
  )

/**
 * Makes the table, instead of whatever has its name, in one transaction. `add` before `delete` makes the delete valid when
 * there is none.
 */
export const createTable = (ruleset: Ruleset, kept: ReadonlyMap<string, Count>): Transaction => ({
  nftables: [
    METAINFO,
    { add: TABLE_OBJECT },
    { delete: TABLE_OBJECT },
    { add: TABLE_OBJECT },
    ...addHelpers(ruleset),
    ...addFlowtable(ruleset),
    ...addSets(ruleset, []),
    ...addUserRules(ruleset),
    ...addChains(ruleset),
    ...addRules(ruleset, kept),
  ],
})

/** The chains of a table that stands, each with its hook. */
export interface Standing {
  /** Names of conntrack helpers in it. */
  readonly helpers: readonly string[]
  readonly chains: ReadonlyMap<string, Hook | undefined>
  readonly flowtables: readonly Flowtable[]
  /** Those of ours, which rules fill. */
  readonly sets: readonly FlowSet[]
  /** Whether the table holds chains, rules and what belongs to them only, and no flag is set. */
  readonly plain: boolean
}

const sameHook = (a: Hook | undefined, b: Hook | undefined): boolean =>
  a?.type === b?.type && a?.hook === b?.hook && a?.prio === b?.prio && a?.policy === b?.policy

export const sameFlowtables = (wanted: Flowtable | undefined, standing: readonly Flowtable[]): boolean =>
  JSON.stringify(wanted === undefined ? [] : [wanted]) === JSON.stringify(standing)

/**
 * Whether `updateTable` can turn what stands into `ruleset`: the kernel changes neither hook nor priority of a chain. A flowtable
 * that changes goes with its table, which brings the flows in it back to the chains: a block cuts them from then on.
 */
const isUpdatable = (ruleset: Ruleset, { chains, helpers, flowtables, sets, plain }: Standing): boolean =>
  plain &&
  sameFlowtables(ruleset.flowtable, flowtables) &&
  // The kernel changes no set, and one too many has to go.
  sets.every((set) => ruleset.sets.some((wanted) => JSON.stringify(wanted) === JSON.stringify(set))) &&
  helpers.every((name) => ruleset.helpers.some((helper) => helper.name === name)) &&
  // Sets of the owner stand in the way of being added again.
  ruleset.user.objects.every((object) => 'chain' in object || 'rule' in object) &&
  ruleset.chains.every(({ name, base }) => !chains.has(name) || sameHook(base, chains.get(name)))

/**
 * Replaces the rules of the table in one transaction and leaves its base chains in place: no packet is lost. Measured with
 * 1,000 packets/s while the rules were replaced 480 times: with the table deleted and made anew, and a verdict map for the
 * links in it, 36 packets were lost (a map that goes is empty for a packet that is looking into it); with either of the two
 * alone, and with neither, none in 500. So the rules use no verdict map, and what stands is not deleted without need.
 */
const updateTable = (ruleset: Ruleset, kept: ReadonlyMap<string, Count>, { chains, sets }: Standing): Transaction => ({
  nftables: [
    METAINFO,
    { flush: TABLE_OBJECT },
    ...[...chains.keys()]
      .filter((name) => !chainNames(ruleset).includes(name))
      .map((name) => ({ delete: { chain: { family: FAMILY, table: TABLE, name } } })),
    ...addHelpers(ruleset),
    ...addSets(ruleset, sets),
    ...addUserRules(ruleset),
    ...addChains(ruleset),
    ...addRules(ruleset, kept),
  ],
})

/** What to run so that the table holds `ruleset`, by what stands there now (undefined: no table). */
export const changeTable = (
  ruleset: Ruleset,
  kept: ReadonlyMap<string, Count>,
  standing: Standing | undefined,
): Transaction =>
  standing !== undefined && isUpdatable(ruleset, standing)
    ? updateTable(ruleset, kept, standing)
    : createTable(ruleset, kept)

/** Removes the table, also when it is not there. */
export const removeTable = (): Transaction => ({
  nftables: [METAINFO, { add: TABLE_OBJECT }, { delete: TABLE_OBJECT }],
})
