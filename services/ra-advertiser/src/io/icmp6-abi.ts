import type { SocketOption } from '@sixgate/host'

/** IANA protocol number of ICMPv6. */
export const IPPROTO_ICMPV6 = 58

const SOL_SOCKET = 1
const SOL_IPV6 = 41
const SOL_ICMPV6 = 58

const ipv6 = (name: number, label: string): SocketOption => ({ level: SOL_IPV6, name, label })

/** Socket options (linux/in6.h, RFC 3542), with the names that errors show. */
export const OPTION = {
  BINDTOIFINDEX: { level: SOL_SOCKET, name: 62, label: 'SO_BINDTOIFINDEX' },
  UNICAST_HOPS: ipv6(16, 'IPV6_UNICAST_HOPS'),
  MULTICAST_IF: ipv6(17, 'IPV6_MULTICAST_IF'),
  MULTICAST_HOPS: ipv6(18, 'IPV6_MULTICAST_HOPS'),
  MULTICAST_LOOP: ipv6(19, 'IPV6_MULTICAST_LOOP'),
  JOIN_GROUP: ipv6(20, 'IPV6_JOIN_GROUP'),
  MULTICAST_ALL: ipv6(29, 'IPV6_MULTICAST_ALL'),
  RECVHOPLIMIT: ipv6(51, 'IPV6_RECVHOPLIMIT'),
  /** From here on linux/in6.h alone: the kernel tells of reassembled packets. */
  RECVFRAGSIZE: ipv6(77, 'IPV6_RECVFRAGSIZE'),
  DONTFRAG: ipv6(62, 'IPV6_DONTFRAG'),
  /** Messages may come from an address that this host does not have. */
  FREEBIND: ipv6(78, 'IPV6_FREEBIND'),
  ICMP6_FILTER: { level: SOL_ICMPV6, name: 1, label: 'ICMP6_FILTER' },
} as const satisfies Record<string, SocketOption>

/** Ancillary data types at level SOL_IPV6 (RFC 3542 §6). */
export const CMSG = { LEVEL: SOL_IPV6, PKTINFO: 50, HOPLIMIT: 52, FRAGSIZE: 77 } as const

/** struct sockaddr_in6: family in host order, scope = interface index in host order. */
export const SOCKADDR_IN6 = { FAMILY_U16: 0, ADDR: 8, SCOPE_U32: 24, SIZE: 28 } as const

/** struct in6_pktinfo: source address, then the interface index in host order. */
export const IN6_PKTINFO = { ADDR: 0, IFINDEX_U32: 16, SIZE: 20 } as const

/** struct ipv6_mreq: group, then the interface index in host order. */
export const IPV6_MREQ = { ADDR: 0, IFINDEX_U32: 16, SIZE: 20 } as const

/** struct icmp6_filter: one bit per ICMPv6 type, 1 = blocked (linux/icmpv6.h). */
export const ICMP6_FILTER_LEN = 32
