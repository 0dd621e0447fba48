import koffi from 'koffi'
import { nativeBuffer } from '@sixgate/host'

/** struct timex of linux/timex.h, 64-bit; `modes` (u32 at 0) = 0 asks only. */
const TIMEX_LEN_BYTES = 208
/** What adjtimex(2) returns while nothing keeps the clock right. */
const TIME_ERROR = 5

/** Whether the kernel's clock is kept right by somebody (NTP). undefined: the kernel does not say. Needs no right. */
export const isClockSynchronised = (): boolean | undefined => {
  const adjtimex = koffi.load(null).func('adjtimex', 'int', ['uintptr_t']) as (address: number) => number
  const state = adjtimex(nativeBuffer(TIMEX_LEN_BYTES).address)
  return state < 0 ? undefined : state !== TIME_ERROR
}
