import type { Ends } from './flow.ts'

/** A host's end of a connection as the IPv4 network sees it, behind the NAT44 that follows the translator. */
export interface Outside {
  /** Signed 32-bit. */
  readonly ip4: number
  readonly port: number
}

/** `undefined`: there is no NAT44, others see what the translator sees. `silent`: the kernel cannot say. */
export type FindOutside = (ends: Ends) => Outside | undefined | 'silent'
