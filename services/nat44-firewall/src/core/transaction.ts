import type { Chain, Json, Rule, Ruleset } from './nft.ts'

export const FAMILY = 'inet'
export const TABLE = 'sixgate'

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

/**
 * Replaces the table in one step: packets meet either the old rules or the new ones. `add` before `delete` makes the
 * delete valid when there is no table yet. Rules that keep their id go on counting from `kept`.
 */
export const replaceTable = (ruleset: Ruleset, kept: ReadonlyMap<string, Count>): Transaction => ({
  nftables: [
    METAINFO,
    { add: TABLE_OBJECT },
    { delete: TABLE_OBJECT },
    { add: TABLE_OBJECT },
    ...ruleset.chains.map((chain) => ({ add: chainObject(chain) })),
    ...ruleset.chains.flatMap((chain) =>
      chain.rules.map((rule) => ({ add: ruleObject(chain.name, rule, kept.get(rule.id)) })),
    ),
  ],
})

/** Removes the table, also when it is not there. */
export const removeTable = (): Transaction => ({
  nftables: [METAINFO, { add: TABLE_OBJECT }, { delete: TABLE_OBJECT }],
})
