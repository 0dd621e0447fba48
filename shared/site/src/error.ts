/** One thing that is wrong in a site document. */
export interface SiteIssue {
  /** Where in the document, e.g. `pref64[0]`; empty = the document as a whole. */
  readonly path: readonly (string | number)[]
  /** What came and what is allowed. */
  readonly message: string
  /** Line and column in the YAML text, from 1; absent when the document did not come from a text. */
  readonly line?: number
  readonly column?: number
}

/** `syntax`: no YAML; `schema`: a field is wrong; `conflict`: fields that do not agree; `auto`: an automatic value cannot be kept. */
export type SiteErrorCode = 'syntax' | 'schema' | 'conflict' | 'auto'

/** `lan.router`, `pref64[0]`: the way a person writes a path. */
export const formatPath = (path: readonly (string | number)[]): string =>
  path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('')

const formatIssue = (issue: SiteIssue, fileName: string): string => {
  const place = issue.line === undefined ? fileName : `${fileName}:${issue.line}:${issue.column}`
  return [place, formatPath(issue.path), issue.message]
    .filter((part) => part !== '')
    .join(': ')
    .replace(': ', ' ')
}

/** A document that cannot be a site. The message has one line per issue: `site.yaml:12:5 pref64[0]: "x": must be …`. */
export class SiteError extends Error {
  readonly code: SiteErrorCode
  readonly issues: readonly SiteIssue[]

  constructor(code: SiteErrorCode, issues: readonly SiteIssue[], fileName = 'site document', cause?: unknown) {
    super(issues.map((issue) => formatIssue(issue, fileName)).join('\n'), { cause })
    this.name = 'SiteError'
    this.code = code
    this.issues = issues
  }
}
