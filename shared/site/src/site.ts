import type { z } from 'zod'
import { SiteError, type SiteIssue } from './error.ts'
import { reserveForForwards } from './reserved-hosts.ts'
import { conflicts } from './rules.ts'
import { type Site, siteSchema } from './schema.ts'

const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}

const at = (document: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown> | undefined)?.[part], document)

/** What came, short enough for a line. */
const showValue = (value: unknown): string => {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const toIssue = (issue: z.core.$ZodIssue, document: unknown): SiteIssue => {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  const unknownField = issue.code === 'unrecognized_keys'
  return {
    // Point at the field itself, not at the mapping around it.
    path: unknownField ? [...path, issue.keys[0] ?? ''] : path,
    message: unknownField ? issue.message : `${showValue(at(document, issue.path))}: ${issue.message}`,
  }
}

/**
 * Reads a site document from plain data (as in YAML or JSON), `auto` prefixes already resolved.
 * Throws SiteError with every issue found: first the fields (`schema`), then what does not agree (`conflict`).
 * Targets of port forwards without a pool address of their own have got one in `nat64.hosts`.
 */
export const parseSite = (document: unknown): Site => {
  const result = siteSchema.safeParse(document)
  if (!result.success)
    throw new SiteError(
      'schema',
      result.error.issues.map((issue) => toIssue(issue, document)),
    )
  const site: Site = result.data
  const issues = conflicts(site)
  if (issues.length > 0) throw new SiteError('conflict', issues)
  const reserved = reserveForForwards(site)
  if (reserved.issues.length > 0) throw new SiteError('conflict', reserved.issues)
  const { nat64 } = site
  return deepFreeze({ ...site, nat64: { ...nat64, hosts: [...nat64.hosts, ...reserved.hosts] } })
}
