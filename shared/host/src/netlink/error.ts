import { type ErrnoName, errnoName, errnoText } from '../errno.ts'

/**
 * Why a netlink exchange failed: the kernel's error name, or
 * `malformed` (bytes that are no netlink message), `interrupted` (the tables kept changing while they were dumped),
 * `timeout` (no answer within 5 s).
 */
export type NetlinkErrorCode = ErrnoName | 'malformed' | 'interrupted' | 'timeout'

/** A netlink request that failed. The message says what was tried, what the kernel answered and its own explanation. */
export class NetlinkError extends Error {
  readonly code: NetlinkErrorCode

  constructor(code: NetlinkErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'NetlinkError'
    this.code = code
  }
}

/** What the kernel said about a request that it refused. */
export interface Refusal {
  /** Positive error number. */
  readonly errno: number
  /** The kernel's explanation (NLMSGERR_ATTR_MSG), when it gave one. */
  readonly text: string | undefined
}

/** The error for a refused request: `add address 192.0.2.1/24 to lan0: No such device (ENODEV; kernel: "…")`. */
export const refusalError = (attempt: string, refusal: Refusal): NetlinkError => {
  const name = errnoName(refusal.errno)
  const said = refusal.text === undefined ? '' : `; kernel: "${refusal.text}"`
  const hint = name === 'EPERM' ? ': the process needs CAP_NET_ADMIN (compose: cap_add: [NET_ADMIN])' : ''
  return new NetlinkError(name, `${attempt}: ${errnoText(refusal.errno)} (${name}${said})${hint}`)
}

/** The error for bytes that break the grammar. */
export const malformed = (what: string): NetlinkError =>
  new NetlinkError('malformed', `malformed netlink data: ${what}`)
