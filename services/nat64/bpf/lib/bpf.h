/*
 * What a program needs of the kernel's ABI (linux/bpf.h, linux/pkt_cls.h): written down here, so that nothing but clang
 * is needed to build it. These numbers are stable; offsets of struct __sk_buff are checked below.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SECTION(name) __attribute__((section(name), used))
/* Called, and with a frame of its own: the frames of a chain of calls have 512 octets together. Behind the program in its section. */
#define SUBPROGRAM(name) __attribute__((section(name), noinline))
#define INLINE static inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The target is little-endian, as are the machines (x64, arm64). */
#define HTONS(x) ((u16)__builtin_bswap16((u16)(x)))
#define NTOHS(x) HTONS(x)
#define HTONL(x) ((u32)__builtin_bswap32((u32)(x)))

/* struct __sk_buff, up to the last field that is used. */
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 vlan_present;
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
	u32 tc_index;
	u32 cb[5];
	u32 hash;
	u32 tc_classid;
	u32 data;
	u32 data_end;
	u32 napi_id;
	u32 family;
	u32 remote_ip4;
	u32 local_ip4;
	u32 remote_ip6[4];
	u32 local_ip6[4];
	u32 remote_port;
	u32 local_port;
	u32 data_meta;
	u64 flow_keys;
	u64 tstamp;
	u32 wire_len;
	u32 gso_segs;
	u64 sk;
	u32 gso_size;
};
_Static_assert(__builtin_offsetof(struct __sk_buff, data) == 76, "struct __sk_buff");
_Static_assert(__builtin_offsetof(struct __sk_buff, gso_size) == 176, "struct __sk_buff");

#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_PERCPU_ARRAY 6
#define BPF_MAP_TYPE_LRU_HASH 9
#define BPF_MAP_TYPE_LPM_TRIE 11
#define BPF_F_NO_PREALLOC 1
#define BPF_NOEXIST 1

#define BPF_F_INGRESS 1
#define BPF_F_PSEUDO_HDR 0x10
#define BPF_F_MARK_MANGLED_0 0x20

/* pkt_type (linux/if_packet.h): to this machine's own link-layer address. */
#define PACKET_HOST 0

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2

static void *(*bpf_map_lookup_elem)(const void *map, const void *key) = (void *)1;
static s64 (*bpf_map_update_elem)(const void *map, const void *key, const void *value, u64 flags) = (void *)2;
static s64 (*bpf_skb_store_bytes)(struct __sk_buff *skb, u32 offset, const void *from, u32 len, u64 flags) = (void *)9;
static s64 (*bpf_l4_csum_replace)(struct __sk_buff *skb, u32 offset, u64 from, u64 to, u64 flags) = (void *)11;
static s64 (*bpf_redirect)(u32 ifindex, u64 flags) = (void *)23;
static s64 (*bpf_skb_change_proto)(struct __sk_buff *skb, u16 proto, u64 flags) = (void *)31;
static s64 (*bpf_skb_pull_data)(struct __sk_buff *skb, u32 len) = (void *)39;
static s64 (*bpf_csum_update)(struct __sk_buff *skb, u32 csum) = (void *)40;
static s64 (*bpf_skb_change_head)(struct __sk_buff *skb, u32 octets, u64 flags) = (void *)43;
/* CLOCK_MONOTONIC as of the last tick (1 to 10 ms ago), for a third of the time that the exact one takes. */
static u64 (*bpf_ktime_get_coarse_ns)(void) = (void *)160;
