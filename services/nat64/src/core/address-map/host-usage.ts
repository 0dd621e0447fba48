/**
 * What was carried for each host, in memory that the data plane (which counts) and the main thread share: by slot the second
 * in which the host was last seen (u32), and behind all of them four numbers for each slot.
 */

/** Places among the four numbers of a slot; packets as on the wire, octets as they came. */
export const HOST_USAGE = { PACKETS_6TO4: 0, BYTES_6TO4: 1, PACKETS_4TO6: 2, BYTES_4TO6: 3, LEN: 4 } as const

const DOUBLE_BYTES = 8
const usageOffset = (slots: number): number => Math.ceil((slots * 4) / DOUBLE_BYTES) * DOUBLE_BYTES

/** Zeroed shared memory for so many slots, seen as the seconds; `usageOf` finds the rest. */
export const sharedHosts = (slots: number): Uint32Array => {
  const buffer = new SharedArrayBuffer(usageOffset(slots) + slots * HOST_USAGE.LEN * DOUBLE_BYTES)
  return new Uint32Array(buffer, 0, slots)
}

/** The numbers behind the seconds; memory of its own when there is no room for them behind, as in tests of something else. */
export const usageOf = (lastSeenS: Uint32Array): Float64Array => {
  const { buffer, length: slots } = lastSeenS
  const length = slots * HOST_USAGE.LEN
  const offset = usageOffset(slots)
  const hasRoom = buffer.byteLength >= offset + length * DOUBLE_BYTES
  return hasRoom ? new Float64Array(buffer, offset, length) : new Float64Array(length)
}
