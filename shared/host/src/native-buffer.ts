import koffi from 'koffi'

/** Memory that both JavaScript and C see. It stays valid as long as this object is referenced: keep it, not only `address`. */
export interface NativeBuffer {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where `bytes[0]` is in this process, for the `address` arguments of `libc` and for pointers inside C structs. */
  readonly address: number
}

/**
 * Allocates `lenBytes` zeroed octets whose address never changes. An explicit ArrayBuffer lives outside V8's moving
 * heap; the buffer of a small `new Uint8Array(n)` may not.
 */
export const nativeBuffer = (lenBytes: number): NativeBuffer => {
  const buffer = new ArrayBuffer(lenBytes)
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer), address: Number(koffi.address(buffer)) }
}

/** The address of an existing typed array's first octet; valid while the array is referenced. Not for arrays under 65 octets without an explicit ArrayBuffer. */
export const addressOf = (array: Uint8Array | DataView): number => Number(koffi.address(array))
