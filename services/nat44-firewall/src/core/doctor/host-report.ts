import type { Prefix4, Prefix6 } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import type { UplinkProblem } from '../uplinks.ts'

/** What was found on a host, for the checks of `sixgate doctor`. `undefined`: could not be seen from here. */
export interface HostReport {
  /** Whether a site runs here: then its own links, ports and rules are no obstacle. */
  readonly isRunning: boolean
  /** The document, or what is wrong with it. */
  readonly site: Site | string
  readonly links: readonly HostLink[]
  /** Links that lead outside, and what is wrong with them. */
  readonly uplinks: readonly string[]
  readonly uplinkProblem: UplinkProblem | undefined
  readonly sysctls: {
    readonly ipForward: string | undefined
    readonly ip6Forward: string | undefined
    /** `accept_ra` of uplinks that have an IPv6 default route by Router Advertisement. */
    readonly acceptRa: ReadonlyMap<string, string>
    /** Bridged frames pass iptables: `bridge-nf-call-iptables`, `bridge-nf-call-ip6tables`. */
    readonly bridgeNf: { readonly ip4: boolean; readonly ip6: boolean }
    readonly isWritable: boolean
  }
  readonly filters: readonly HostFilter[]
  /** How the Docker engine filters: `nftables`, `iptables-nft` or `iptables-legacy`. */
  readonly engine: string | undefined
  /** nft chains of others that drop what they do not know, as `family table name`. */
  readonly foreignDrops: readonly string[]
  /** Why nft cannot be used at all. */
  readonly nftProblem: string | undefined
  /** Kernel options that rules need and this kernel lacks. */
  readonly missingOptions: readonly string[]
  readonly capabilities: { readonly netAdmin: boolean; readonly netRaw: boolean }
  readonly tun: boolean | undefined
  readonly has8021q: boolean | undefined
  /** Who listens on port 53. */
  readonly port53: readonly PortHolder[]
  /** Who listens on the port of the console's page; undefined: it has none, or there is no document. */
  readonly webPort: { readonly port: number; readonly holders: readonly PortHolder[] } | undefined
  readonly clock: { readonly unixMs: number; readonly text: string; readonly isSynchronised: boolean | undefined }
  readonly disk: { readonly path: string; readonly freeBytes: number; readonly sizeBytes: number } | string
  /** Links of the site that are here, and whether the kernel takes a flowtable on them; undefined: not tried. */
  readonly flowtable: { readonly links: readonly string[]; readonly isTaken: boolean } | undefined
  readonly conntrack: { readonly entries: number; readonly max: number }
}

/** Who has a port, by address; `program` when it can be seen. */
export interface PortHolder {
  readonly address: string
  readonly program: string | undefined
}

export interface HostLink {
  readonly name: string
  readonly mtuBytes: number
  readonly isUp: boolean
  readonly isBridge: boolean
  /** Networks of its addresses. */
  readonly networks: readonly (Prefix4 | Prefix6)[]
}

/** The filter table of one iptables flavour, where it has one. */
export interface HostFilter {
  /** `iptables-nft`, `ip6tables-legacy` … */
  readonly tool: string
  readonly backend: 'nft' | 'legacy'
  readonly policy: string
  /** Where accepts of the site belong; undefined: none is needed. */
  readonly target: string | undefined
  /** Rules of the site that are missing there. */
  readonly missing: number
}
