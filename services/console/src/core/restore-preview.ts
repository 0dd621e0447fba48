/** What a restore would change. */
import type { KeptMapping } from './backup.ts'
import { printable } from './columns.ts'

/** Hosts of a backup against those of now. */
export interface MappingChanges {
  readonly same: number
  /** Hosts without an address now. */
  readonly added: number
  /** Hosts that get another address than they have. */
  readonly moved: readonly { readonly ip6: string; readonly before: string; readonly after: string }[]
  /** Hosts that the backup does not know and whose address goes to another one: they get a new one with their next packet. */
  readonly displaced: readonly { readonly ip6: string; readonly ip4: string }[]
}

const hostOf = ({ ip6, pref64 }: KeptMapping): string => `${ip6} ${pref64}`

/** Compares mappings; a host that uses several pref64 counts once for each. */
export const compareMappings = (now: readonly KeptMapping[], kept: readonly KeptMapping[]): MappingChanges => {
  const before = new Map(now.map((mapping) => [hostOf(mapping), mapping.ip4]))
  const keptHosts = new Set(kept.map(hostOf))
  const wanted = new Set(kept.map(({ ip4 }) => ip4))
  return {
    same: kept.filter((mapping) => before.get(hostOf(mapping)) === mapping.ip4).length,
    added: kept.filter((mapping) => !before.has(hostOf(mapping))).length,
    moved: kept.flatMap((mapping) => {
      const ip4 = before.get(hostOf(mapping))
      return ip4 === undefined || ip4 === mapping.ip4 ? [] : [{ ip6: mapping.ip6, before: ip4, after: mapping.ip4 }]
    }),
    displaced: now
      .filter((mapping) => !keptHosts.has(hostOf(mapping)) && wanted.has(mapping.ip4))
      .map(({ ip6, ip4 }) => ({ ip6, ip4 })),
  }
}

export interface RestorePreview {
  readonly backup: { readonly made: string; readonly version: string; readonly revision: number }
  /** Unified diff of site.yaml and the text of the backup; empty: they are the same. */
  readonly diff: string
  /** Fields of the document that would change, `auto` resolved; null: no document is in force. */
  readonly changes: readonly { readonly path: string; readonly before: unknown; readonly after: unknown }[] | null
  /** The ULA prefix that `auto` stands for, now and then; null: none. */
  readonly auto: { readonly before: string | null; readonly after: string | null }
  /** Null: the backup has none. */
  readonly mappings: MappingChanges | null
  readonly history: { readonly revisions: number; readonly unknown: number }
  readonly password: 'none' | 'same' | 'set' | 'replaced'
  readonly tokens: { readonly added: readonly string[]; readonly removed: readonly string[] }
  /** Files of nft.d that differ; a restore does not write them. */
  readonly rules: readonly string[]
}

const PASSWORD: Readonly<Record<RestorePreview['password'], string>> = {
  none: 'the backup has no password; what is set stays',
  same: 'the same password',
  set: 'the password of the backup is set',
  replaced: 'the password of the backup takes the place of the one that is set; everybody is logged out',
}

const MOST_NAMED = 10

/** A few of many. */
const some = (lines: readonly string[]): string[] =>
  lines.length <= MOST_NAMED ? [...lines] : [...lines.slice(0, MOST_NAMED), `and ${lines.length - MOST_NAMED} more`]

const mappingLines = (mappings: RestorePreview['mappings']): string[] => {
  if (mappings === null) return ['the backup has none']
  const { same, added, moved, displaced } = mappings
  return [
    `${same} as now, ${added} hosts get theirs back, ${moved.length} change, ${displaced.length} give way`,
    ...some(moved.map(({ ip6, before, after }) => `${ip6}: ${before} becomes ${after}`)),
    ...some(displaced.map(({ ip6, ip4 }) => `${ip6}: loses ${ip4}`)),
  ]
}

const autoLine = ({ before, after }: RestorePreview['auto']): string => {
  if (after === null) return 'the backup has no prefix; what is there stays'
  if (before === after) return `${after}, as now`
  return before === null ? after : `${after} instead of ${before}: hosts get other addresses`
}

const block = (title: string, lines: readonly string[]): string[] =>
  lines.map((line, index) => `${(index === 0 ? title : '').padEnd(12)}${line}`)

/** For the operator, each line ended. `paintedDiff`: the diff as it is to be shown. */
export const previewText = (preview: RestorePreview, paintedDiff: string): string => {
  const { backup, auto, mappings, history, password, tokens, rules } = preview
  const tokenLines = [
    ...tokens.added.map((name) => `token + ${printable(name)}`),
    ...tokens.removed.map((name) => `token - ${printable(name)}`),
  ]
  return [
    ...block('backup', [`of ${backup.made} UTC, by sixgate ${backup.version}, revision ${backup.revision}`]),
    ...block('site.yaml', [paintedDiff === '' ? 'as now' : 'changes:']),
    ...(paintedDiff === '' ? [] : [paintedDiff.trimEnd()]),
    ...block('auto', [autoLine(auto)]),
    ...block('mappings', mappingLines(mappings)),
    ...block('history', [`${history.revisions} revisions, ${history.unknown} of them not known here`]),
    ...block('page', [PASSWORD[password], ...tokenLines]),
    ...block('rules', rules.length === 0 ? ['nft.d as now'] : [`not written by a restore, differ: ${rules.join(' ')}`]),
    '',
  ].join('\n')
}
