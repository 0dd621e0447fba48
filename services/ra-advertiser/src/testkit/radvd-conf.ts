import { formatIp6, formatPrefix } from '@sixgate/addr'
import type { Site } from '@sixgate/site'

const onOff = (value: boolean): string => (value ? 'on' : 'off')

/** What radvd 2.19 (Debian 12) does not know. */
export const UNKNOWN_TO_RADVD = ['pref64', 'captive-portal', 'dnr'] as const

/**
 * The configuration of radvd that says the same as `ra` of a document, as far as radvd knows it. Lifetimes that end at a fixed
 * time count down from radvd's start on.
 */
export const radvdConf = ({ lan, ra, pref64 }: Site): string => {
  const rdnss = ra.rdnss === 'auto' ? [lan.router] : ra.rdnss
  const usualS = ra.routerLifetimeS === 0 ? 3 * ra.maxRtrAdvIntervalS : ra.routerLifetimeS
  const nat64 = ra.pref64Route ? pref64.map((prefix) => ({ prefix, preference: ra.preference, lifetimeS: usualS })) : []
  const routes = [...nat64, ...ra.routes].map(
    ({ prefix, preference, lifetimeS = usualS }) =>
      `  route ${formatPrefix(prefix)} { AdvRoutePreference ${preference}; AdvRouteLifetime ${lifetimeS}; };`,
  )
  // `::/64`: every /64 that the interface has an address of, the site's own too.
  const prefix = ra.interfacePrefixes
    ? '::/64'
    : ra.routerAddress
      ? `${formatIp6(lan.router)}/${lan.prefix.lenBits}`
      : formatPrefix(lan.prefix)
  return `interface ${lan.interface} {
  AdvSendAdvert on;
  MaxRtrAdvInterval ${ra.maxRtrAdvIntervalS};
  MinRtrAdvInterval ${ra.minRtrAdvIntervalS};
  AdvManagedFlag ${onOff(ra.managed)};
  AdvOtherConfigFlag ${onOff(ra.otherConfig)};
  AdvDefaultPreference ${ra.preference};
  AdvDefaultLifetime ${ra.routerLifetimeS};
  AdvCurHopLimit ${ra.curHopLimit};
  AdvReachableTime ${ra.reachableTimeMs};
  AdvRetransTimer ${ra.retransTimerMs};
  AdvLinkMTU ${ra.linkMtu};
  prefix ${prefix} {
    AdvOnLink ${onOff(ra.onLink)};
    AdvAutonomous ${onOff(ra.autonomous)};
    AdvRouterAddr ${onOff(ra.routerAddress)};
    DecrementLifetimes ${onOff(ra.validUntil !== undefined)};
    AdvValidLifetime ${ra.validLifetimeS};
    AdvPreferredLifetime ${ra.preferredLifetimeS};
  };
${routes.join('\n')}
  RDNSS ${rdnss.map(formatIp6).join(' ')} { AdvRDNSSLifetime ${ra.rdnssLifetimeS}; FlushRDNSS off; };
${ra.dnssl.length === 0 ? '' : `  DNSSL ${ra.dnssl.join(' ')} { AdvDNSSLLifetime ${ra.rdnssLifetimeS}; FlushDNSSL off; };`}
};
`
}
