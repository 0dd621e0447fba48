/** What a backup of the site holds, as files of an archive. */
import { parseIp4, parseIp6 } from '@sixgate/addr'
import { z } from 'zod'
import { type History, historyText, parseHistory } from './history.ts'
import type { ArchivedFile } from './ustar.ts'

/** Grows when an older console would restore a backup wrongly. */
export const BACKUP_FORMAT = 1

/** It is printed, and a backup may come from anywhere. */
const versionSchema = z.string().regex(/^[\w.+-]{1,40}$/)

const manifestSchema = z.object({
  format: z.literal(BACKUP_FORMAT),
  /** Version of the console that made it. */
  version: versionSchema,
  /** Milliseconds since 1970. */
  madeAtMs: z.number(),
  /** Of the document that stood in NATS then; 0: none. */
  revision: z.number(),
})
export type Manifest = Readonly<z.infer<typeof manifestSchema>>

const isText = (read: (text: string) => unknown) => z.string().refine((text) => read(text) !== undefined)

const mappingsSchema = z.object({
  mappings: z.array(z.object({ ip6: isText(parseIp6), ip4: isText(parseIp4), pref64: z.string() })),
})
/** A host of the site and its address of the pool, as texts. */
export type KeptMapping = Readonly<z.infer<typeof mappingsSchema>['mappings'][number]>

export interface Backup {
  readonly manifest: Manifest
  /** Text of the site document, with its comments. */
  readonly site: string
  /** Rules of the owner by the name of their file in `nft.d`. */
  readonly rules: ReadonlyMap<string, string>
  /** Text of `site.auto.yaml`; undefined: the site never had an `auto`. */
  readonly auto: string | undefined
  readonly history: History
  /** Undefined: nat64 did not answer when the backup was made. */
  readonly mappings: readonly KeptMapping[] | undefined
  /** Texts of the files of the same names below `STATE_DIR/web`, hashes only; undefined: there was none. */
  readonly password: string | undefined
  readonly tokens: string | undefined
}

/** It is no backup that can be restored; the message says why and what to do. */
export class BackupError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'BackupError'
  }
}

const FOLDER = 'sixgate-backup'
/** What belongs into the folder of the site document on the host: `tar -x` of this part alone puts it there. */
export const SITE_PART = `${FOLDER}/site`

const NAMES = {
  MANIFEST: `${FOLDER}/manifest.json`,
  SITE: `${SITE_PART}/site.yaml`,
  AUTO: `${FOLDER}/site.auto.yaml`,
  HISTORY: `${FOLDER}/history.json`,
  MAPPINGS: `${FOLDER}/mappings.json`,
  PASSWORD: `${FOLDER}/web/password.json`,
  TOKENS: `${FOLDER}/web/tokens.json`,
} as const
const KNOWN: ReadonlySet<string> = new Set(Object.values(NAMES))

const RULES = new RegExp(String.raw`^${SITE_PART}/nft\.d/([\w-][\w.-]*\.nft)$`)

/** Whether a file of rules can be in a backup: letters, digits, `.`, `_`, `-`, and not too long for an archive. */
export const isRulesName = (name: string): boolean => RULES.test(rulesFile(name)) && rulesFile(name).length <= 100
const rulesFile = (name: string): string => `${SITE_PART}/nft.d/${name}`

/** Not secret, and read by containers that may not override file modes. */
const READABLE = 0o644

const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`

/** The files of the archive. */
export const backupFiles = (backup: Backup): ArchivedFile[] => {
  const { manifest, site, rules, auto, history, mappings, password, tokens } = backup
  const perhaps = (name: string, text: string | undefined): ArchivedFile[] =>
    text === undefined ? [] : [{ name, text }]
  return [
    { name: NAMES.MANIFEST, text: json(manifest) },
    { name: NAMES.SITE, text: site, mode: READABLE },
    ...[...rules].map(([name, text]) => ({ name: rulesFile(name), text, mode: READABLE })),
    ...perhaps(NAMES.AUTO, auto),
    { name: NAMES.HISTORY, text: historyText(history) },
    ...perhaps(NAMES.MAPPINGS, mappings && json({ mappings })),
    ...perhaps(NAMES.PASSWORD, password),
    ...perhaps(NAMES.TOKENS, tokens),
  ]
}

const damaged = (name: string, cause: unknown): BackupError => new BackupError(`${name}: is damaged`, cause)

const manifestOf = (text: string | undefined): Manifest => {
  if (text === undefined) throw new BackupError(`it has no ${NAMES.MANIFEST}: sixgate backup did not make it`)
  const content = jsonOf(NAMES.MANIFEST, text)
  const { data } = z.object({ format: z.number(), version: versionSchema }).safeParse(content)
  if (data !== undefined && data.format > BACKUP_FORMAT)
    throw new BackupError(
      `it was made by sixgate ${data.version} (format ${data.format}), this one reads format ${BACKUP_FORMAT}; install that version or a newer one`,
    )
  return checked(NAMES.MANIFEST, manifestSchema, content)
}

const jsonOf = (name: string, text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw damaged(name, error)
  }
}

const checked = <T>(name: string, schema: z.ZodType<T>, content: unknown): T => {
  const { data, error } = schema.safeParse(content)
  if (data === undefined) throw damaged(name, error)
  return data
}

/** Reads the files of an archive; whether the texts in it are good documents is not looked at. Throws BackupError. */
export const parseBackup = (files: readonly ArchivedFile[]): Backup => {
  const texts = new Map(files.map(({ name, text }) => [name, text]))
  const manifest = manifestOf(texts.get(NAMES.MANIFEST))
  const foreign = files.find(({ name }) => !KNOWN.has(name) && !RULES.test(name))
  if (foreign !== undefined) throw new BackupError(`${foreign.name}: no backup has such a file`)
  const site = texts.get(NAMES.SITE)
  if (site === undefined) throw new BackupError(`it has no ${NAMES.SITE}: it is damaged`)
  const mappings = texts.get(NAMES.MAPPINGS)
  return {
    manifest,
    site,
    rules: new Map(
      files.flatMap(({ name, text }) => {
        const [, rules] = RULES.exec(name) ?? []
        return rules === undefined ? [] : [[rules, text] as const]
      }),
    ),
    auto: texts.get(NAMES.AUTO),
    history: historyOf(texts.get(NAMES.HISTORY)),
    mappings:
      mappings === undefined
        ? undefined
        : checked(NAMES.MAPPINGS, mappingsSchema, jsonOf(NAMES.MAPPINGS, mappings)).mappings,
    password: texts.get(NAMES.PASSWORD),
    tokens: texts.get(NAMES.TOKENS),
  }
}

const historyOf = (text: string | undefined): History => {
  if (text === undefined) return []
  try {
    return parseHistory(text)
  } catch (error) {
    throw damaged(NAMES.HISTORY, error)
  }
}
