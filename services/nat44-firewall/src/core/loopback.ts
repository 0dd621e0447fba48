import type { Listing } from './listing.ts'

/** The rule that takes packets from links that are none of ours, `lo` among them. */
export const LOOPBACK_RULE = 'other-input'

/**
 * Whether the table as it stands drops what the gateway sends to itself: its chain for packets to the gateway drops what no rule
 * takes, and the rule for `lo` is gone. Then no program here reaches another, NATS included.
 */
export const cutsLoopback = (listing: Listing | undefined): boolean => {
  if (listing?.chains.get('input')?.policy !== 'drop') return false
  return !(listing.comments.get('input') ?? []).some((comment) => comment.startsWith(`${LOOPBACK_RULE}: `))
}
