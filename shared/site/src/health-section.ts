import { integer, section, yesNo } from './fields.ts'

/** An hour: whoever wants it longer wants it off. */
const WAIT_MAX_S = 3600

/** What in the Router Advertisements follows the health of the site (ra.health). */
export const health = section({
  /** NAT64 prefixes and the routes to them are withdrawn while nat64 does not translate. */
  nat64: yesNo.default(true),
  /** The router's address is withdrawn as DNS server while dns64 does not answer there. */
  dns64: yesNo.default(true),
  /** The router is no default router while it has no way to the internet. */
  uplink: yesNo.default(true),
  /** While one of these is not well, the preference is low: where there is another gateway, hosts use that one. */
  lowerPreference: yesNo.default(true),
  /** Another gateway of `gateways` that answers no neighbour solicitation is withdrawn in its place, as router and as DNS server. */
  gateways: yesNo.default(true),
  /** Hysteresis: not well for so long before it is said … */
  downAfterS: integer(1, WAIT_MAX_S, 'seconds').default(30),
  /** … and well again for so long. */
  upAfterS: integer(0, WAIT_MAX_S, 'seconds').default(10),
})
