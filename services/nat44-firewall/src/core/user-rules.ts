import { FAMILY, type Json, TABLE } from './table.ts'

/**
 * Rules of the owner. Files hold what may stand in a table: sets, maps and chains; chains with the names below are jumped to
 * from our own, the others are theirs to jump to. nft reads the files into a draft table without hooks, where no packet
 * comes; what it lists of that table goes into our transaction.
 */
export const USER_CHAINS = {
  user_arrivals: 'every packet that comes, before conntrack (not from lo)',
  user_input: 'to the gateway, known flows too, before our rules',
  user_forward: 'through the gateway, known flows too, before our rules',
  user_departures: 'every packet that leaves, after NAT (not to lo)',
  user_dnat: 'first packets of flows that come: may rewrite the destination',
  user_snat: 'first packets of flows that leave: may rewrite the source, before masquerade',
} as const
export type UserChain = keyof typeof USER_CHAINS

export interface UserRules {
  /** libnftables objects (set, map, chain, rule …) of the table `inet sixgate`, in an order in which they can be added. */
  readonly objects: readonly { readonly [kind: string]: Json }[]
  /** Names of all chains in it. */
  readonly chains: readonly string[]
}

export const NO_USER_RULES: UserRules = { objects: [], chains: [] }

export const DRAFT = `${TABLE}_draft`

/** What nft shall read: the draft table made anew, with the content of these files. Paths must hold no `"`. */
export const draftScript = (files: readonly string[]): string =>
  [
    `table ${FAMILY} ${DRAFT}`,
    `delete table ${FAMILY} ${DRAFT}`,
    `table ${FAMILY} ${DRAFT} {`,
    ...files.map((file) => `include "${file}"`),
    '}',
    '',
  ].join('\n')

/** Takes the draft away, also when it is not there. */
export const dropDraftScript = (): string => `table ${FAMILY} ${DRAFT}\ndelete table ${FAMILY} ${DRAFT}\n`

/** A line without strings and comments, in which a brace is a brace. */
const bare = (line: string): string => line.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').replace(/#.*$/, '')

/**
 * What must not be in a file, found before nft sees it: a chain with a hook of its own would meet packets while it is only a
 * draft, and a brace too many would end the draft. Returns the complaint, or undefined.
 */
export const precheck = (file: string, text: string): string | undefined => {
  let depth = 0
  for (const [index, line] of text.split('\n').entries()) {
    const plain = bare(line)
    const at = `${file}:${index + 1}`
    if (/\btype\s+\w+\s+hook\b/.test(plain))
      return `${at}: a chain must have no hook of its own: use ${Object.keys(USER_CHAINS).join(', ')}`
    if (/^\s*(?:table|flush|delete|destroy|add|insert|replace|reset|include)\b/.test(plain))
      return `${at}: only sets, maps and chains may stand here, as inside of a table`
    for (const brace of plain.match(/[{}]/g) ?? []) {
      depth += brace === '{' ? 1 : -1
      if (depth < 0) return `${at}: a "}" too many`
    }
  }
  return depth === 0 ? undefined : `${file}: a "}" is missing at the end`
}

const isRecord = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Keys that nft gives and does not take back, or that belong to the moment. */
const withoutHandle = ({ handle: _handle, ...rest }: Record<string, Json>): Record<string, Json> => rest

/** Sets before chains before rules: each may name the ones before. */
const RANK: Readonly<Record<string, number>> = { chain: 1, rule: 2 }
const rankOf = (object: Record<string, Json>): number => RANK[Object.keys(object)[0] ?? ''] ?? 0

/** Reads what nft lists of the draft. Returns the rules, or the complaint about them. */
export const adoptDraft = (
  objects: readonly unknown[],
  taken: { readonly chains: readonly string[]; readonly sets: readonly string[] },
): { readonly ok: true; readonly rules: UserRules } | { readonly ok: false; readonly complaint: string } => {
  const adopted: Record<string, Json>[] = []
  const chains: string[] = []
  for (const object of objects) {
    if (!isRecord(object)) continue
    const [kind = ''] = Object.keys(object)
    const content = object[kind]
    if (kind === 'metainfo' || kind === 'table' || !isRecord(content)) continue
    const { name } = content
    if (typeof name === 'string' && (kind === 'chain' ? taken.chains : taken.sets).includes(name))
      return { ok: false, complaint: `${kind} ${name}: this name is taken; choose another one` }
    if (kind === 'chain' && typeof name === 'string') chains.push(name)
    adopted.push({ [kind]: withoutHandle({ ...content, table: TABLE }) })
  }
  for (const name of chains) {
    if (name.startsWith('user_') && !(name in USER_CHAINS))
      return {
        ok: false,
        complaint: `chain ${name}: nothing jumps there; the names that are jumped to: ${Object.keys(USER_CHAINS).join(', ')}`,
      }
  }
  return { ok: true, rules: { objects: adopted.toSorted((a, b) => rankOf(a) - rankOf(b)), chains } }
}

export const hasUserChain = (rules: UserRules, chain: UserChain): boolean => rules.chains.includes(chain)
