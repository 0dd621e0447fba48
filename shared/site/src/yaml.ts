import { basename } from 'node:path'
import { formatPrefix } from '@sixgate/addr'
import { type Document, isMap, isNode, isPair, LineCounter, parseDocument, visit } from 'yaml'
import { companionFile, keptUla, ulaSubnet } from './auto.ts'
import { SiteError, type SiteIssue } from './error.ts'
import type { Site } from './schema.ts'
import { parseSite } from './site.ts'

/** A document read from YAML. */
export interface ReadSite {
  /** Plain JSON data with `auto` prefixes resolved: what is published, and what parseSite reads again. */
  readonly document: unknown
  readonly site: Site
}

/** What helps against a mistake that IPv6 addresses lead to. */
const QUOTES: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: '; a value that begins or ends with a colon belongs in quotes: "::"',
}

/** Byte offset of the key at `path`, or of the nearest thing around it that exists. */
const offsetOf = (document: Document.Parsed, path: readonly (string | number)[]): number => {
  const parent = path.length <= 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const key = path.at(-1)
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isNode(item.key) && String(item.key) === String(key))
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0
  }
  const node = path.length === 0 ? document.contents : document.getIn(path, true)
  if (isNode(node)) return node.range?.[0] ?? 0
  return path.length === 0 ? 0 : offsetOf(document, path.slice(0, -1))
}

const withPlace = (error: SiteError, document: Document.Parsed, lines: LineCounter, fileName: string): SiteError => {
  const issues = error.issues.map((issue): SiteIssue => {
    const { line, col } = lines.linePos(offsetOf(document, issue.path))
    return { ...issue, line, column: col }
  })
  return new SiteError(error.code, issues, fileName, error)
}

/** More uses of anchors than this are an attack on memory ("billion laughs"), not a document. */
const ALIASES_MAX = 100

/** Aliases that stand for nothing, or for what they are in: plain data cannot be made of those. */
const aliasIssues = (document: Document.Parsed, lines: LineCounter): SiteIssue[] => {
  const issues: SiteIssue[] = []
  visit(document, {
    Alias: (_, alias, path) => {
      const target = alias.resolve(document)
      if (target !== undefined && !path.includes(target)) return
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0)
      const what =
        target === undefined
          ? `stands for nothing: "&${alias.source}" has to come before it`
          : 'stands for something that it is part of'
      issues.push({ path: [], message: `"*${alias.source}" ${what}`, line, column: col })
    },
  })
  return issues
}

/** The document as plain data. Throws SiteError. */
const plainData = (document: Document.Parsed, lines: LineCounter, fileName: string): unknown => {
  const issues = aliasIssues(document, lines)
  if (issues.length > 0) throw new SiteError('syntax', issues, fileName)
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new SiteError('syntax', [{ path: [], message, line: 1, column: 1 }], fileName, error)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Subnet numbers of further LANs without a VLAN begin here: VLAN identifiers end below. */
const UNTAGGED_SUBNET = 0x1000

/** A LAN with its prefix, if that is auto: the ULA subnet of its VLAN, or of its place in the document. */
const resolveLan = async (lan: unknown, untagged: number, autoFile: string): Promise<unknown> => {
  if (!isRecord(lan) || (lan.prefix !== undefined && lan.prefix !== 'auto')) return lan
  const subnet = Number.isInteger(lan.vlan) ? Number(lan.vlan) & 0xfff : untagged
  return { ...lan, prefix: formatPrefix(ulaSubnet(await keptUla(autoFile), subnet)) }
}

/** Replaces each LAN's `prefix: auto` by its subnet of the kept ULA; all else stays as it came. */
const resolveAutos = async (document: unknown, autoFile: string): Promise<unknown> => {
  if (!isRecord(document)) return document
  const lan = document.lan === undefined ? {} : { lan: await resolveLan(document.lan, 0, autoFile) }
  if (!Array.isArray(document.lans)) return { ...document, ...lan }
  const lans = await Promise.all(
    document.lans.map(async (further: unknown, index) => await resolveLan(further, UNTAGGED_SUBNET + index, autoFile)),
  )
  return { ...document, ...lan, lans }
}

/**
 * Reads a site document from YAML text. `siteFile` is its path, whose last part errors name; what `auto` stands for is
 * kept in `autoFile`, by default the companion file beside it. Throws SiteError with line and column of every issue.
 */
export const readSite = async (
  text: string,
  siteFile: string,
  autoFile = companionFile(siteFile),
): Promise<ReadSite> => {
  const fileName = basename(siteFile)
  const lines = new LineCounter()
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const broken = [...yaml.errors, ...yaml.warnings]
  if (broken.length > 0) {
    const issues = broken.map(({ code, message, pos: [offset] }): SiteIssue => {
      const { line, col } = lines.linePos(offset)
      return { path: [], message: `${message}${QUOTES[code] ?? ''}`, line, column: col }
    })
    throw new SiteError('syntax', issues, fileName)
  }
  const document = await resolveAutos(plainData(yaml, lines, fileName), autoFile)
  try {
    return { document, site: parseSite(document) }
  } catch (error) {
    throw error instanceof SiteError ? withPlace(error, yaml, lines, fileName) : error
  }
}
