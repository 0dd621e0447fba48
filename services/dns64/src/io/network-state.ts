import { readFileSync } from 'node:fs'
import { formatIp4, formatIp6 } from '@sixgate/addr'
import { addresses, defaultRoute, watchNetwork } from '@sixgate/host'
import { nameserversOf } from '../core/resolv-conf.ts'

/** How often the resolv.conf is looked at; it may be a bind mount, where inotify tells nothing. */
const RESOLV_CONF_INTERVAL_MS = 2000

/** What dns64 goes by on the machine it runs on. Every field is as of the last change. */
export interface NetworkState {
  readonly addresses: ReadonlySet<string>
  readonly hasIp6Uplink: boolean
  readonly nameservers: readonly string[]
}

/** The files of a list `first:second`: as in RESOLV_CONF. */
const filesOf = (resolvConf: string): string[] => resolvConf.split(':')

/**
 * Addresses (with IPv6 ones in canonical text), uplink and name servers as they are now; those of the first file of
 * `resolvConf` (`first:second`) that names any. Throws NetlinkError.
 */
export const readNetworkState = (resolvConf: string): NetworkState => ({
  addresses: new Set(addresses().map((a) => (a.family === 4 ? formatIp4(a.ip) : formatIp6(a.ip)))),
  hasIp6Uplink: defaultRoute(6) !== undefined,
  nameservers: filesOf(resolvConf).reduce<readonly string[]>(
    (found, path) => (found.length > 0 ? found : nameserversOf(readOrEmpty(path))),
    [],
  ),
})

/** Calls `onChange` after addresses, routes or the text of a file of `resolvConf` changed. Returns the function that ends it. */
export const watchNetworkState = (resolvConf: string, onChange: () => void): (() => void) => {
  const stop = watchNetwork({ addresses: true, routes: true }, onChange)
  const text = (): string => filesOf(resolvConf).map(readOrEmpty).join('\0')
  // Not watchFile: what changes before its first look, which is some time later, it takes for how it always was.
  let known = text()
  const timer = setInterval(() => {
    const now = text()
    if (now === known) return
    known = now
    onChange()
  }, RESOLV_CONF_INTERVAL_MS).unref()
  return () => {
    stop()
    clearInterval(timer)
  }
}

/** A missing file names no servers; that is a problem of the upstreams and shown there. */
const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
