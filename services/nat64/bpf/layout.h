/*
 * Generated from src/core/fast-path-layout.ts by src/testkit/write-layout.ts: do not edit.
 * Addresses are in network byte order, all other numbers in the machine's (little-endian).
 */
#pragma once
#include "lib/bpf.h"

#define LAYOUT_VERSION 5
#define MAX_PREFIXES 8
#define COPY 256

/* The 96 bits of a NAT64 prefix. */
struct pref64 {
	u32 word0;
	u32 word1;
	u32 word2;
};
_Static_assert(__builtin_offsetof(struct pref64, word0) == 0, "pref64.word0");
_Static_assert(__builtin_offsetof(struct pref64, word1) == 4, "pref64.word1");
_Static_assert(__builtin_offsetof(struct pref64, word2) == 8, "pref64.word2");
_Static_assert(sizeof(struct pref64) == 12, "pref64");

/* What the document says, in the one entry of config_map. */
struct config {
	u32 version;
	u32 prefix_count;
	u32 tos;
	u32 traffic_class;
	u32 lowest_ipv6_mtu;
	u32 mtu;
	u32 tun_ifindex;
	struct pref64 prefixes[8];
	u32 special_nets[2048];
	u32 alg_ports[2048];
	u32 new_flow[14];
};
_Static_assert(__builtin_offsetof(struct config, version) == 0, "config.version");
_Static_assert(__builtin_offsetof(struct config, prefix_count) == 4, "config.prefix_count");
_Static_assert(__builtin_offsetof(struct config, tos) == 8, "config.tos");
_Static_assert(__builtin_offsetof(struct config, traffic_class) == 12, "config.traffic_class");
_Static_assert(__builtin_offsetof(struct config, lowest_ipv6_mtu) == 16, "config.lowest_ipv6_mtu");
_Static_assert(__builtin_offsetof(struct config, mtu) == 20, "config.mtu");
_Static_assert(__builtin_offsetof(struct config, tun_ifindex) == 24, "config.tun_ifindex");
_Static_assert(__builtin_offsetof(struct config, prefixes) == 28, "config.prefixes");
_Static_assert(__builtin_offsetof(struct config, special_nets) == 124, "config.special_nets");
_Static_assert(__builtin_offsetof(struct config, alg_ports) == 8316, "config.alg_ports");
_Static_assert(__builtin_offsetof(struct config, new_flow) == 16508, "config.new_flow");
_Static_assert(sizeof(struct config) == 16564, "config");

/* An IPv6 host and the place of its prefix in config.prefixes. */
struct host6_key {
	u32 word0;
	u32 word1;
	u32 word2;
	u32 word3;
	u32 prefix;
};
_Static_assert(__builtin_offsetof(struct host6_key, word0) == 0, "host6_key.word0");
_Static_assert(__builtin_offsetof(struct host6_key, word1) == 4, "host6_key.word1");
_Static_assert(__builtin_offsetof(struct host6_key, word2) == 8, "host6_key.word2");
_Static_assert(__builtin_offsetof(struct host6_key, word3) == 12, "host6_key.word3");
_Static_assert(__builtin_offsetof(struct host6_key, prefix) == 16, "host6_key.prefix");
_Static_assert(sizeof(struct host6_key) == 20, "host6_key");

/* A host's IPv4 address, and what was translated from IPv6. */
struct host6 {
	u64 packets;
	u64 bytes;
	u64 seen_ns;
	u32 ip4;
	u32 sum6;
};
_Static_assert(__builtin_offsetof(struct host6, packets) == 0, "host6.packets");
_Static_assert(__builtin_offsetof(struct host6, bytes) == 8, "host6.bytes");
_Static_assert(__builtin_offsetof(struct host6, seen_ns) == 16, "host6.seen_ns");
_Static_assert(__builtin_offsetof(struct host6, ip4) == 24, "host6.ip4");
_Static_assert(__builtin_offsetof(struct host6, sum6) == 28, "host6.sum6");
_Static_assert(sizeof(struct host6) == 32, "host6");

/* An IPv4 address of the pool. */
struct host4_key {
	u32 ip4;
};
_Static_assert(__builtin_offsetof(struct host4_key, ip4) == 0, "host4_key.ip4");
_Static_assert(sizeof(struct host4_key) == 4, "host4_key");

/* A host's IPv6 address and its prefix, and what was translated from IPv4. */
struct host4 {
	u64 packets;
	u64 bytes;
	u64 seen_ns;
	u32 word0;
	u32 word1;
	u32 word2;
	u32 word3;
	u32 pref0;
	u32 pref1;
	u32 pref2;
	u32 sum6;
};
_Static_assert(__builtin_offsetof(struct host4, packets) == 0, "host4.packets");
_Static_assert(__builtin_offsetof(struct host4, bytes) == 8, "host4.bytes");
_Static_assert(__builtin_offsetof(struct host4, seen_ns) == 16, "host4.seen_ns");
_Static_assert(__builtin_offsetof(struct host4, word0) == 24, "host4.word0");
_Static_assert(__builtin_offsetof(struct host4, word1) == 28, "host4.word1");
_Static_assert(__builtin_offsetof(struct host4, word2) == 32, "host4.word2");
_Static_assert(__builtin_offsetof(struct host4, word3) == 36, "host4.word3");
_Static_assert(__builtin_offsetof(struct host4, pref0) == 40, "host4.pref0");
_Static_assert(__builtin_offsetof(struct host4, pref1) == 44, "host4.pref1");
_Static_assert(__builtin_offsetof(struct host4, pref2) == 48, "host4.pref2");
_Static_assert(__builtin_offsetof(struct host4, sum6) == 52, "host4.sum6");
_Static_assert(sizeof(struct host4) == 56, "host4");

/* An IPv4 prefix. */
struct special4_key {
	u32 len_bits;
	u32 addr;
};
_Static_assert(__builtin_offsetof(struct special4_key, len_bits) == 0, "special4_key.len_bits");
_Static_assert(__builtin_offsetof(struct special4_key, addr) == 4, "special4_key.addr");
_Static_assert(sizeof(struct special4_key) == 8, "special4_key");

/* A flow of the LAN: ports as the host sends them, or what flow_discriminator says; protocol, server, host. */
struct flow_key {
	u32 ports;
	u32 protocol;
	u32 server0;
	u32 server1;
	u32 server2;
	u32 server3;
	u32 host0;
	u32 host1;
	u32 host2;
	u32 host3;
};
_Static_assert(__builtin_offsetof(struct flow_key, ports) == 0, "flow_key.ports");
_Static_assert(__builtin_offsetof(struct flow_key, protocol) == 4, "flow_key.protocol");
_Static_assert(__builtin_offsetof(struct flow_key, server0) == 8, "flow_key.server0");
_Static_assert(__builtin_offsetof(struct flow_key, server1) == 12, "flow_key.server1");
_Static_assert(__builtin_offsetof(struct flow_key, server2) == 16, "flow_key.server2");
_Static_assert(__builtin_offsetof(struct flow_key, server3) == 20, "flow_key.server3");
_Static_assert(__builtin_offsetof(struct flow_key, host0) == 24, "flow_key.host0");
_Static_assert(__builtin_offsetof(struct flow_key, host1) == 28, "flow_key.host1");
_Static_assert(__builtin_offsetof(struct flow_key, host2) == 32, "flow_key.host2");
_Static_assert(__builtin_offsetof(struct flow_key, host3) == 36, "flow_key.host3");
_Static_assert(sizeof(struct flow_key) == 40, "flow_key");

/* When the stack last let a packet of a flow through and on which link it came, when there was an answer, and how the stack delivered answers; CLOCK_MONOTONIC. */
struct flow {
	u64 passed_ns;
	u64 answered_ns;
	u64 from_link;
	u64 delivered_ns;
	u64 header0;
	u64 header1;
	u32 to_link;
	u32 to_len;
};
_Static_assert(__builtin_offsetof(struct flow, passed_ns) == 0, "flow.passed_ns");
_Static_assert(__builtin_offsetof(struct flow, answered_ns) == 8, "flow.answered_ns");
_Static_assert(__builtin_offsetof(struct flow, from_link) == 16, "flow.from_link");
_Static_assert(__builtin_offsetof(struct flow, delivered_ns) == 24, "flow.delivered_ns");
_Static_assert(__builtin_offsetof(struct flow, header0) == 32, "flow.header0");
_Static_assert(__builtin_offsetof(struct flow, header1) == 40, "flow.header1");
_Static_assert(__builtin_offsetof(struct flow, to_link) == 48, "flow.to_link");
_Static_assert(__builtin_offsetof(struct flow, to_len) == 52, "flow.to_len");
_Static_assert(sizeof(struct flow) == 56, "flow");

/* What was carried, for each verdict and CPU. */
struct totals {
	u64 packets;
	u64 bytes;
};
_Static_assert(__builtin_offsetof(struct totals, packets) == 0, "totals.packets");
_Static_assert(__builtin_offsetof(struct totals, bytes) == 8, "totals.bytes");
_Static_assert(sizeof(struct totals) == 16, "totals");

/* src/core/verdict.ts */
#define VERDICTS 64
#define TOTAL_FROM_LAN 64
#define TOTAL_TO_LAN 65
#define TOTALS 66
#define VERDICT_CONTINUE 0
#define VERDICT_TRANSLATED_6TO4 1
#define VERDICT_TRANSLATED_4TO6 2
#define VERDICT_HAIRPINNED 3
#define VERDICT_ECHO_ANSWERED 4
#define VERDICT_NEEDS_MAPPING 5
#define VERDICT_AWAITS_MAPPING 6
#define VERDICT_NOT_IP 8
#define VERDICT_TRUNCATED 9
#define VERDICT_BAD_LENGTH 10
#define VERDICT_BAD_HEADER_CHECKSUM 11
#define VERDICT_BAD_ICMP_CHECKSUM 12
#define VERDICT_BAD_OFFLOAD 13
#define VERDICT_EXTENSION_TRUNCATED 14
#define VERDICT_TOO_BIG_FOR_IPV4 15
#define VERDICT_ILLEGAL_SOURCE 16
#define VERDICT_SOURCE_IN_PREF64 17
#define VERDICT_SOURCE_NOT_ALLOWED 18
#define VERDICT_NOT_IN_PREF64 19
#define VERDICT_DESTINATION_FORBIDDEN 20
#define VERDICT_DESTINATION_PRIVATE 21
#define VERDICT_NO_MAPPING 22
#define VERDICT_POOL_EXHAUSTED 23
#define VERDICT_HOLD_FULL 24
#define VERDICT_OWN_ADDRESS 25
#define VERDICT_HOP_LIMIT_EXCEEDED 32
#define VERDICT_TTL_EXCEEDED 33
#define VERDICT_SEGMENTS_LEFT 34
#define VERDICT_SOURCE_ROUTE 35
#define VERDICT_FRAGMENT_MISALIGNED 40
#define VERDICT_FRAGMENT_OVERFLOW 41
#define VERDICT_FRAGMENT_THEN_EXTENSION 42
#define VERDICT_FRAGMENTED_ICMP 43
#define VERDICT_TRANSPORT_TRUNCATED 44
#define VERDICT_UDP_CHECKSUM_ZERO 45
#define VERDICT_UDP_CHECKSUM_ZERO_FRAGMENT 46
#define VERDICT_PROTOCOL_FOREIGN 47
#define VERDICT_ALG_BAD_CHECKSUM 48
#define VERDICT_ALG_GAP 49
#define VERDICT_ALG_FULL 50
#define VERDICT_ICMP_SINGLE_HOP 56
#define VERDICT_ICMP_UNKNOWN 57
#define VERDICT_ICMP_CODE_UNKNOWN 58
#define VERDICT_ICMP_POINTER_UNKNOWN 59
#define VERDICT_IGMP 60
#define VERDICT_INNER_TRUNCATED 61
#define VERDICT_INNER_UNTRANSLATABLE 62
#define VERDICT_INNER_NESTED_ERROR 63
