import { readFileSync, unwatchFile, watchFile } from 'node:fs'
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

/** Addresses (with IPv6 ones in canonical text), uplink and name servers as they are now. Throws NetlinkError. */
export const readNetworkState = (resolvConf: string): NetworkState => ({
  addresses: new Set(addresses().map((a) => (a.family === 4 ? formatIp4(a.ip) : formatIp6(a.ip)))),
  hasIp6Uplink: defaultRoute(6) !== undefined,
  nameservers: nameserversOf(readOrEmpty(resolvConf)),
})

/** Calls `onChange` after addresses, routes or the resolv.conf changed. Returns the function that ends it. */
export const watchNetworkState = (resolvConf: string, onChange: () => void): (() => void) => {
  const stop = watchNetwork({ addresses: true, routes: true }, onChange)
  watchFile(resolvConf, { interval: RESOLV_CONF_INTERVAL_MS, persistent: false }, onChange)
  return () => {
    stop()
    unwatchFile(resolvConf, onChange)
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
