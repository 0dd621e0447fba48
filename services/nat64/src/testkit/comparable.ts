import assert from 'node:assert/strict'
import { IPV4, IPV4_FRAG_OFF8_U16, IPV4_MF_U16 } from '../core/wire/ipv4.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { checksumOf } from './packet-builder.ts'

/**
 * A packet in a form that can be compared: the kernel counts `hdr_len` and its own flags anew; identifications of whole
 * IPv4 packets are the generator's (RFC 7915 §5.1), with the header checksum over them, which is checked here instead.
 */
export const comparable = (octets: Uint8Array): string => {
  const bytes = withoutHints(octets)
  const view = new DataView(bytes.buffer)
  const ip = VNET.LEN
  const isWhole4 =
    bytes[ip] === 0x45 && (view.getUint16(ip + IPV4.FLAGS_FRAG) & (IPV4_MF_U16 | IPV4_FRAG_OFF8_U16)) === 0
  if (isWhole4) {
    assert.equal(checksumOf([...bytes.subarray(ip, ip + IPV4.LEN)]), 0, 'IPv4 header checksum')
    view.setUint16(ip + IPV4.ID, 0)
    view.setUint16(ip + IPV4.CHECKSUM, 0)
  }
  return Buffer.from(bytes).toString('hex')
}

/** A packet that went through the kernel and was not changed there: only what the kernel counts anew is left out. */
export const untouched = (octets: Uint8Array): string => Buffer.from(withoutHints(octets)).toString('hex')

const withoutHints = (octets: Uint8Array): Uint8Array<ArrayBuffer> => {
  const bytes = Uint8Array.from(octets)
  if ((bytes[0] ?? 0) !== 1) bytes.fill(0, 0, VNET.LEN)
  new DataView(bytes.buffer).setUint16(VNET.HDR_LEN, 0)
  return bytes
}
