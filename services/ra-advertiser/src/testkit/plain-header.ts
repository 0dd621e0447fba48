import type { RouterAdvertisement } from '../core/ra-wire.ts'

/** A Router Advertisement without any flag or wish; who uses it adds lifetime and options. */
export const PLAIN_HEADER = {
  curHopLimit: 64,
  managed: false,
  otherConfig: false,
  homeAgent: false,
  proxy: false,
  preference: 'medium',
  reachableTimeMs: 0,
  retransTimerMs: 0,
} as const satisfies Partial<RouterAdvertisement>
