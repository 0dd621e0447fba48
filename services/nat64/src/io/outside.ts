import { NetlinkError, outsideOf } from '@sixgate/host'
import type { FindOutside } from '../core/alg/outside.ts'

/** A kernel that could not answer is not asked again before: its module may be loaded meanwhile. */
const ASK_AGAIN_MS = 60_000

/** Asks conntrack of this network namespace. `nowMs`: a clock that never goes back. */
export const askConntrack = (nowMs: () => number): FindOutside => {
  let againMs = Number.NEGATIVE_INFINITY
  return ({ local4, localPort, remote4, remotePort }) => {
    if (nowMs() < againMs) return 'silent'
    try {
      const end = outsideOf({ ip4: local4, port: localPort }, { ip4: remote4, port: remotePort })
      return end === undefined ? undefined : { ip4: end.ip4 | 0, port: end.port }
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error
      againMs = nowMs() + ASK_AGAIN_MS
      return 'silent'
    }
  }
}
