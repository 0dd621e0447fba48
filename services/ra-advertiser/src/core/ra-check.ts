import { equalIp6, type Ip6 } from '@sixgate/addr'
import { isLinkLocal } from './link-local.ts'
import { NdpError } from './ndp-error.ts'
import {
  decodeRouterAdvertisement,
  ICMP6_TYPE,
  type ReceivedAdvertisement,
  type RouterAdvertisement,
} from './ra-wire.ts'
import type { ReceivedMessage } from './rs-check.ts'

/** Why a received Router Advertisement is not looked at, in the order of RFC 4861 §6.1.2. */
export type RaRefusal = 'fragmented' | 'source_not_link_local' | 'hop_limit' | 'malformed'

/** A Router Advertisement of another router, or the reason why it is none. */
export type CheckedAdvertisement =
  | { readonly router: Ip6; readonly ra: ReceivedAdvertisement }
  | { readonly refused: RaRefusal }

export const isAdvertisement = (message: Uint8Array): boolean => message[0] === ICMP6_TYPE.ROUTER_ADVERTISEMENT

/**
 * Validates and reads a received Router Advertisement (RFC 4861 §6.1.2; RFC 6980 §5 for fragments). Options that break their
 * own format are left out, as hosts do. Never throws.
 */
export const checkAdvertisement = (received: ReceivedMessage): CheckedAdvertisement => {
  const { message, source, hopLimit, fragmented } = received
  if (fragmented) return { refused: 'fragmented' }
  // "IP Source Address is a link-local address. Routers must use their link-local address as the source".
  if (!isLinkLocal(source)) return { refused: 'source_not_link_local' }
  if (hopLimit !== 255) return { refused: 'hop_limit' }
  try {
    return { router: source, ra: decodeRouterAdvertisement(message) }
  } catch (error) {
    if (!(error instanceof NdpError)) throw error
    return { refused: 'malformed' }
  }
}

/** A router of this site on a LAN: where its messages come from, and its address as DNS server. */
export interface OwnRouter {
  readonly linkLocal: Ip6
  readonly router: Ip6
}

const namesServer = ({ options }: RouterAdvertisement, server: Ip6, isWithdrawal: boolean): boolean =>
  options.some(
    (option) =>
      option.kind === 'rdnss' &&
      (option.lifetimeS === 0) === isWithdrawal &&
      option.servers.some((one) => equalIp6(one, server)),
  )

/** Whether a message that somebody else sent takes back what this router says of itself: hosts must hear it again. */
export const withdrawsUs = (
  { linkLocal, router }: OwnRouter,
  ours: RouterAdvertisement,
  { router: from, ra }: { readonly router: Ip6; readonly ra: RouterAdvertisement },
): boolean =>
  (equalIp6(from, linkLocal) && ra.routerLifetimeS === 0 && ours.routerLifetimeS > 0) ||
  (namesServer(ra, router, true) && namesServer(ours, router, false))
