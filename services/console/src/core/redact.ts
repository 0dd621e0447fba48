/** What stands in place of a secret. */
export const REDACTED = '(redacted)'

/** Fields whose value nobody else should see, wherever they are. */
const SECRET_FIELD = /pass(word|phrase)?|secret|token|psk|seed|credential|private|tsig|hash|setup ?code/i

/** What a secret looks like inside of a text. */
const PATTERNS: readonly RegExp[] = [
  // nkey seeds: operator, account, user and so on
  /\bS[OACUNX][A-Z2-7]{56}\b/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [A-Z ]*PRIVATE KEY-----/g,
  // hashes of passwords, as crypt(3) and PHC strings write them
  /\$(?:scrypt|argon2(?:id|i|d)|2[aby]|[56y])\$[^\s"']+/g,
  // a name and password, or what follows the host, of an address of the web: providers put customers' numbers there
  /(?<=\bhttps:\/\/)[^\s/@"']+:[^\s/@"']+@/g,
  /(?<=\bhttps:\/\/[^\s/"'<>]+\/)[^\s"'<>]+/g,
  // the same number as `path` of a resolver or `dohPath` of one that hosts are told, behind anchor, tag or head of a block, too
  /(?<=\b(?:doh)?path["']?\s*[:=]\s*(?:[&!]\S*\s+)*(?:[|>][-+\d]*(?:[ \t]+#.*)?\s+)?)(?!["']?\/dns-query(?:\{\?dns\})?["']?(?:[\s,}]|$))(?:"[^"]*"|'[^']*'|\/(?:\{\?dns\}|[^\s,}"'])*)/gi,
  // and in names of resolvers (over TLS there is no path)
  /\b[\w-]+(?=\.(?:dns\.nextdns\.io|cloudflare-gateway\.com|d\.adguard-dns\.com|dns\.controld\.com)\b)/gi,
]

const PATH_FIELD = /^(?:path|dohPath)$/
/** Of a resolver that everybody asks the same way. */
const COMMON_PATHS: readonly string[] = ['/dns-query', '/dns-query{?dns}']

/** A line `key: value` or `key=value`, as in YAML and logs. */
const ASSIGNMENT = new RegExp(
  String.raw`((?:["']?)\b[\w-]*(?:${SECRET_FIELD.source})[\w-]*["']?\s*[:=]\s*)(?!\s)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,}#]+)`,
  'gi',
)

/** A text without what looks like a secret. */
export const redactText = (text: string): string =>
  PATTERNS.reduce((kept, pattern) => kept.replaceAll(pattern, REDACTED), text.replaceAll(ASSIGNMENT, `$1${REDACTED}`))

const isSecret = (key: string, part: unknown): boolean =>
  (SECRET_FIELD.test(key) && (typeof part === 'string' || Array.isArray(part))) ||
  (PATH_FIELD.test(key) && typeof part === 'string' && part.startsWith('/') && !COMMON_PATHS.includes(part))

/** Plain data without secrets: fields that are called so, and what looks like one. */
export const redactData = (value: unknown): unknown => {
  if (typeof value === 'string') return redactText(value)
  if (Array.isArray(value)) return value.map(redactData)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, isSecret(key, part) ? REDACTED : redactData(part)]),
  )
}
