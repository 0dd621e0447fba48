import { GSO, GSO_ECN, VNET, VNET_DATA_VALID, VNET_NEEDS_CSUM } from './wire/virtio-net.ts'

/**
 * Bytes that stay free in front of a packet as it is read: translation 4to6 of an ICMP error about a fragment grows by
 * 2 × (20 + 8) bytes, and the offload header goes in front of that.
 */
export const HEADROOM = 128
/** Largest packet: 64 KiB of IP, and a fragment header more. */
export const MAX_PACKET = 65_536 + 64
/** Size of a frame's buffer. */
export const FRAME_BYTES = HEADROOM + MAX_PACKET

/**
 * One packet in a buffer that lives as long as the process. Headers are rewritten in place, so `o` moves while the
 * payload stays. The offload fields are those of the virtio-net header, valid between `readVnet` and `writeVnet`.
 */
export class Frame {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Offset of the IP header. */
  o = HEADROOM
  /** Length of the IP packet in bytes. */
  len = 0
  /** The checksum at `csumStart + csumOffset` holds the pseudo-header sum only. */
  needsCsum = false
  /** The kernel or the network card has found the transport checksum to be right. */
  csumValid = false
  /** One of `GSO`, without the ECN bit. */
  gsoType: number = GSO.NONE
  gsoEcn = 0
  /** Bytes of payload per segment; valid iff `gsoType` is not NONE. */
  gsoSize = 0
  /** Bytes of headers, from `o`; a hint of the kernel. */
  hdrLen = 0
  /** Offset from `o` where the checksum starts, and of its field from there; valid iff `needsCsum`. */
  csumStart = 0
  csumOffset = 0
  /** It stays a packet of its own: conntrack's helpers look at one message in a packet. */
  isAlone = false

  constructor(buffer: ArrayBufferLike = new ArrayBuffer(FRAME_BYTES)) {
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
  }

  /** Makes this a packet of `lenBytes` at `o` without any offload. */
  reset(o: number, lenBytes: number): void {
    this.o = o
    this.len = lenBytes
    this.clearOffload()
  }

  /** Becomes a copy of another frame's packet, at the same offset; there must be room for it. */
  copy(from: Frame): void {
    this.bytes.set(from.bytes.subarray(from.o, from.o + from.len), from.o)
    this.o = from.o
    this.len = from.len
    this.needsCsum = from.needsCsum
    this.csumValid = from.csumValid
    this.gsoType = from.gsoType
    this.gsoEcn = from.gsoEcn
    this.gsoSize = from.gsoSize
    this.hdrLen = from.hdrLen
    this.csumStart = from.csumStart
    this.csumOffset = from.csumOffset
  }

  clearOffload(): void {
    this.needsCsum = false
    this.csumValid = false
    this.gsoType = GSO.NONE
    this.gsoEcn = 0
    this.gsoSize = 0
    this.hdrLen = 0
    this.csumStart = 0
    this.csumOffset = 0
  }
}

/**
 * Takes over `readBytes` bytes (offload header and packet) that stand at `HEADROOM - VNET.LEN` in the frame's buffer.
 * Returns false when they are fewer than the offload header or it does not fit the packet.
 */
export const readVnet = (frame: Frame, readBytes: number): boolean => {
  const at = HEADROOM - VNET.LEN
  const lenBytes = readBytes - VNET.LEN
  if (lenBytes <= 0) return false
  const { view } = frame
  frame.o = HEADROOM
  frame.isAlone = false
  frame.len = lenBytes
  const flags = view.getUint8(at + VNET.FLAGS)
  if ((flags & VNET_NEEDS_CSUM) === 0) {
    frame.clearOffload()
    frame.csumValid = (flags & VNET_DATA_VALID) !== 0
    // Segmentation without a partial checksum does not exist.
    return view.getUint8(at + VNET.GSO_TYPE) === GSO.NONE
  }
  const gso = view.getUint8(at + VNET.GSO_TYPE)
  frame.needsCsum = true
  frame.csumValid = false
  frame.gsoType = gso & ~GSO_ECN
  frame.gsoEcn = gso & GSO_ECN
  frame.hdrLen = view.getUint16(at + VNET.HDR_LEN, true)
  frame.gsoSize = view.getUint16(at + VNET.GSO_SIZE, true)
  frame.csumStart = view.getUint16(at + VNET.CSUM_START, true)
  frame.csumOffset = view.getUint16(at + VNET.CSUM_OFFSET, true)
  if (frame.csumStart + frame.csumOffset + 2 > lenBytes) return false
  return frame.gsoType === GSO.NONE || frame.gsoSize > 0
}

/** Writes the offload header in front of the packet, at `o - VNET.LEN`. */
export const writeVnet = (frame: Frame): void => {
  const { view } = frame
  const at = frame.o - VNET.LEN
  view.setUint8(at + VNET.FLAGS, frame.needsCsum ? VNET_NEEDS_CSUM : 0)
  view.setUint8(at + VNET.GSO_TYPE, frame.gsoType | frame.gsoEcn)
  view.setUint16(at + VNET.HDR_LEN, frame.hdrLen, true)
  view.setUint16(at + VNET.GSO_SIZE, frame.gsoSize, true)
  view.setUint16(at + VNET.CSUM_START, frame.csumStart, true)
  view.setUint16(at + VNET.CSUM_OFFSET, frame.csumOffset, true)
}
