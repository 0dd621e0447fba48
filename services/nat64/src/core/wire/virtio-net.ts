/**
 * `struct virtio_net_hdr` (virtio 1.2 §5.1.6) as a TUN with IFF_VNET_HDR puts it before every packet: bytes from its
 * start, little-endian.
 */
export const VNET = { FLAGS: 0, GSO_TYPE: 1, HDR_LEN: 2, GSO_SIZE: 4, CSUM_START: 6, CSUM_OFFSET: 8, LEN: 10 } as const

/** `flags`: the checksum field holds the pseudo-header sum only, the device completes it. */
export const VNET_NEEDS_CSUM = 1

/** `flags`: whoever hands the packet over has checked its transport checksum. */
export const VNET_DATA_VALID = 2

/** `gso_type`, without the ECN bit. */
export const GSO = { NONE: 0, TCPV4: 1, UDP: 3, TCPV6: 4, UDP_L4: 5 } as const
/** `gso_type`: TCP segments carry ECN; kept as it is. */
export const GSO_ECN = 0x80
