import { contains6, formatIp6, parseIp6, parsePrefix6 } from '@sixgate/addr'

/** What e2e/site/site.yaml says; site.e2e.ts asserts that the two agree. */
export const LAN_PREFIX = 'fd00:6:4::/64'
export const ROUTER = 'fd00:6:4::1'
export const PREF64 = '64:ff9b::/96'

/** Where 64:ff9b::/96 puts an IPv4 address, as RFC 5952 writes it. Built by hand on purpose: it checks what the services compute. */
export function mapped(ip4: string): string {
  const [a, b, c, d] = ip4.split('.').map(Number) as [number, number, number, number]
  return `64:ff9b::${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

/** True when the text `address` is inside the text `prefix`. */
export function inPrefix(address: string, prefix: string): boolean {
  const ip = parseIp6(address)
  const range = parsePrefix6(prefix)
  return ip !== undefined && range !== undefined && contains6(range, ip)
}

/** RFC 5952 text, so that two spellings of one address compare equal; other text stays. */
export function canonical(address: string): string {
  const ip = parseIp6(address)
  return ip === undefined ? address : formatIp6(ip)
}
