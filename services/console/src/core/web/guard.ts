/** Which requests are taken at all, before anybody looks who sent them. */

/** `__Host-`: the browser takes it over TLS, for this host and the whole of it only. */
export const SESSION_COOKIE = '__Host-sixgate'

export interface Head {
  readonly method: string
  /** Host header. */
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly contentType: string | undefined
  /** What browsers say of where a request comes from (Fetch Metadata). */
  readonly fetchSite: string | undefined
}

export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

/** `[fd00::1]:8443` → `fd00::1`; `localhost:8443` → `localhost`. */
const hostName = (host: string): string =>
  /^\[([^\]]*)\](?::\d+)?$|^([^:]*)(?::\d+)?$/
    .exec(host)
    ?.slice(1)
    .find((part) => part !== undefined)
    ?.toLowerCase() ?? ''

/**
 * undefined: the request may go on. `names`: addresses and names that this server is called by; another one means that
 * somebody's name leads here (DNS rebinding). What changes something must come from our own page: its origin, as JSON,
 * which no form of another site can send.
 */
export const refusalOf = (
  { method, host = '', origin, contentType = '', fetchSite }: Head,
  names: ReadonlySet<string>,
): Refusal | undefined => {
  if (!names.has(hostName(host)))
    return {
      status: 421,
      code: 'wrong-host',
      message: `${JSON.stringify(host)} is no name of this gateway; use its address, or list the name under console.names of the site document`,
    }
  if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none' && method !== 'GET')
    return { status: 403, code: 'cross-site', message: 'this comes from another site' }
  if (method === 'GET' || method === 'HEAD') return undefined
  if (method !== 'POST') return { status: 405, code: 'method', message: `${method}: only GET, HEAD and POST are known` }
  if (origin !== `https://${host}`)
    return {
      status: 403,
      code: 'cross-site',
      message: `Origin is ${JSON.stringify(origin ?? 'missing')}: must be https://${host}, the page of this gateway`,
    }
  if (!/^application\/json(;|$)/i.test(contentType))
    return { status: 415, code: 'content-type', message: 'Content-Type must be application/json' }
  return undefined
}

/** The value of a cookie in a Cookie header (RFC 6265 §4.2.1). */
export const cookieOf = (header: string | undefined, name: string): string | undefined =>
  header
    ?.split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)

/** Set-Cookie of a new session; with an empty value, of its end. */
export const sessionCookie = (value: string): string =>
  `${SESSION_COOKIE}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict${value === '' ? '; Max-Age=0' : ''}`

/** `Bearer x` → `x`. */
export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer +([\w-]{1,200})$/i.exec(header ?? '')?.[1]

/** For every answer. Nothing is fetched from elsewhere, nothing inline runs, nobody frames the page. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
