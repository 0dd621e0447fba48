/** linux/netlink.h: struct nlmsghdr, bytes from message start; host byte order. */
export const NLMSGHDR = { LEN_U32: 0, TYPE_U16: 4, FLAGS_U16: 6, SEQ_U32: 8, PID_U32: 12, SIZE: 16 } as const

/** Message types below NLMSG_MIN_TYPE, which every netlink family shares. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const

/** nlmsg_flags. The values of the last two groups overlap: they depend on the direction and the kind of request. */
export const NLM_F = {
  REQUEST: 0x001,
  MULTI: 0x002,
  ACK: 0x004,
  ECHO: 0x008,
  DUMP_INTR: 0x010,
  /** Of a GET request: the whole table. */
  DUMP: 0x300,
  /** Of a NEW request. */
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** Of an NLMSG_ERROR: the request is quoted without its payload. */
  CAPPED: 0x100,
  /** Of an NLMSG_ERROR or NLMSG_DONE: attributes follow. */
  ACK_TLVS: 0x200,
} as const

/** Attributes of an NLMSG_ERROR or NLMSG_DONE. */
export const NLMSGERR_ATTR = { MSG: 1, OFFS: 2 } as const

/** nla_type: two flag bits above 14 bits of type. */
export const NLA = { F_NESTED: 0x8000, F_NET_BYTEORDER: 0x4000, TYPE_MASK_U16: 0x3fff, HEADER_LEN: 4 } as const

/** rtnetlink message types (linux/rtnetlink.h). */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  GETNEIGH: 30,
} as const

/** rtnetlink multicast groups, as numbers for NETLINK_ADD_MEMBERSHIP. */
export const RTNLGRP = { LINK: 1, IPV4_IFADDR: 5, IPV4_ROUTE: 7, IPV6_IFADDR: 9, IPV6_ROUTE: 11 } as const

/** struct ndmsg: family u8, pad, ifindex i32, state u16, flags u8, type u8. */
export const NDMSG = { FAMILY_U8: 0, INDEX_I32: 4, STATE_U16: 8, FLAGS_U8: 10, SIZE: 12 } as const
export const NDA = { DST: 1, LLADDR: 2, CACHEINFO: 3 } as const
/** struct nda_cacheinfo: confirmed, used, updated u32 (clock ticks ago), references u32. */
export const NDA_CACHEINFO = { CONFIRMED_U32: 0, SIZE: 16 } as const
/** Ticks per second in what the kernel tells user space, on every Linux port here. */
export const USER_HZ = 100
export const NUD = {
  INCOMPLETE: 0x01,
  REACHABLE: 0x02,
  STALE: 0x04,
  DELAY: 0x08,
  PROBE: 0x10,
  FAILED: 0x20,
  PERMANENT: 0x80,
} as const
export const NTF = { ROUTER: 0x80 } as const

/** struct ifinfomsg: family u8, pad u8, type u16 (ARPHRD_*), index i32, flags u32, change u32. */
export const IFINFOMSG = { FAMILY_U8: 0, TYPE_U16: 2, INDEX_I32: 4, FLAGS_U32: 8, CHANGE_U32: 12, SIZE: 16 } as const
export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  OPERSTATE: 16,
  LINKINFO: 18,
  AF_SPEC: 26,
  EXT_MASK: 29,
  CARRIER: 33,
} as const
export const IFLA_INFO = { KIND: 1, DATA: 2 } as const
export const IFLA_VLAN = { ID: 1 } as const
export const IFLA_INET6_ADDR_GEN_MODE = 8
export const IFF = { UP: 0x1, LOOPBACK: 0x8, RUNNING: 0x40, MULTICAST: 0x1000 } as const
/** IFLA_EXT_MASK: leave counters out of the answers. */
export const RTEXT_FILTER_SKIP_STATS = 1 << 3
/** IFLA_OPERSTATE values by number (RFC 2863 §3.1.14). */
export const OPERSTATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const

/** struct ifaddrmsg: family u8, prefixlen u8, flags u8, scope u8, index u32. */
export const IFADDRMSG = { FAMILY_U8: 0, PREFIXLEN_U8: 1, FLAGS_U8: 2, SCOPE_U8: 3, INDEX_U32: 4, SIZE: 8 } as const
export const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, CACHEINFO: 6, FLAGS: 8 } as const
/** struct ifa_cacheinfo: preferred u32 s, valid u32 s, then two timestamps. */
export const IFA_CACHEINFO = { PREFERRED_S_U32: 0, VALID_S_U32: 4, SIZE: 16 } as const
export const IFA_F = {
  NODAD: 0x02,
  DADFAILED: 0x08,
  DEPRECATED: 0x20,
  TENTATIVE: 0x40,
  PERMANENT: 0x80,
  NOPREFIXROUTE: 0x200,
} as const
/** Lifetime without end. */
export const INFINITE_S = 0xffffffff

/** struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type (u8 each), flags u32. */
export const RTMSG = {
  FAMILY_U8: 0,
  DST_LEN_U8: 1,
  SRC_LEN_U8: 2,
  TOS_U8: 3,
  TABLE_U8: 4,
  PROTOCOL_U8: 5,
  SCOPE_U8: 6,
  TYPE_U8: 7,
  FLAGS_U32: 8,
  SIZE: 12,
} as const
export const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  MULTIPATH: 9,
  TABLE: 15,
  VIA: 18,
  PREF: 20,
} as const
export const RT_TABLE = { UNSPEC: 0, COMPAT: 252, MAIN: 254, LOCAL: 255 } as const
export const RT_SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254, NOWHERE: 255 } as const
export const RTN = {
  UNSPEC: 0,
  UNICAST: 1,
  LOCAL: 2,
  BROADCAST: 3,
  ANYCAST: 4,
  MULTICAST: 5,
  BLACKHOLE: 6,
  UNREACHABLE: 7,
} as const
/** Who made a route; 4 is an administrator ("static"), which is what the services here are. */
export const RTPROT = { UNSPEC: 0, REDIRECT: 1, KERNEL: 2, BOOT: 3, STATIC: 4, RA: 9, DHCP: 16 } as const
/** Next hop flags; also the low bits of rtm_flags when a route has one next hop. */
export const RTNH_F = { DEAD: 0x01, ONLINK: 0x04, LINKDOWN: 0x10 } as const
/** rtm_flags: a copy that the kernel made from another route (an exception, e.g. a path MTU). */
export const RTM_F_CLONED = 0x200
/** struct rtnexthop: len u16, flags u8, hops u8 (weight − 1), ifindex i32, then attributes. */
export const RTNEXTHOP = { LEN_U16: 0, FLAGS_U8: 2, HOPS_U8: 3, IFINDEX_I32: 4, SIZE: 8 } as const
