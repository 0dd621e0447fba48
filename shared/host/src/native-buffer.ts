import koffi from 'koffi'

/**
 * Memory that both JavaScript and C see. It is freed when nothing refers to it any more, and a number like `address`
 * does not count; nor does a local variable after its last use, even while the call it was made for is running. So keep
 * it in a field or in a module's variable for as long as C may use it.
 */
export interface NativeBuffer {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where `bytes[0]` is in this process, for the `address` arguments of `libc` and for pointers inside C structs. */
  readonly address: number
}

/** Allocates `lenBytes` zeroed octets whose address never changes: ArrayBuffers live outside V8's moving heap. */
export const nativeBuffer = (lenBytes: number): NativeBuffer => {
  const buffer = new ArrayBuffer(lenBytes)
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer), address: Number(koffi.address(buffer)) }
}

/** The address of an existing typed array's first octet; valid while the array is referenced, as above. */
export const addressOf = (array: Uint8Array | DataView): number => Number(koffi.address(array))
