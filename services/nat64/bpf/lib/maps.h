/* The maps. Their order and sizes are read from this section by src/io/bpf-object.ts; max_entries is set at load time. */
#pragma once
#include "bpf.h"
#include "../layout.h"

struct map_definition {
	u32 type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 flags;
};

/* What the document says. One entry; written before the program is attached, later only tun_ifindex changes. */
struct map_definition config_map SECTION("maps") = {
	BPF_MAP_TYPE_ARRAY, sizeof(u32), sizeof(struct config), 1, 0,
};
/* IPv6 host and pref64 → its IPv4 address. */
struct map_definition hosts6 SECTION("maps") = {
	BPF_MAP_TYPE_HASH, sizeof(struct host6_key), sizeof(struct host6), 1, BPF_F_NO_PREALLOC,
};
/* IPv4 address → IPv6 host and pref64. */
struct map_definition hosts4 SECTION("maps") = {
	BPF_MAP_TYPE_HASH, sizeof(struct host4_key), sizeof(struct host4), 1, BPF_F_NO_PREALLOC,
};
/* IPv4 addresses of remote nodes that only TypeScript may judge. */
struct map_definition special4 SECTION("maps") = {
	BPF_MAP_TYPE_LPM_TRIE, sizeof(struct special4_key), sizeof(u32), 1, BPF_F_NO_PREALLOC,
};
/* Flows of the LAN, as IPv6 has them; the one that was idle longest makes room. See flows.h. */
struct map_definition flows SECTION("maps") = {
	BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow_key), sizeof(struct flow), 1, 0,
};
/* By verdict. VERDICT_CONTINUE: translation began and did not end, out of memory. TOTAL_FROM_LAN, TOTAL_TO_LAN: of them, the short way. */
struct map_definition totals_map SECTION("maps") = {
	BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(struct totals), TOTALS, 0,
};

INLINE const struct config *config_of(void)
{
	u64 zero = 0;

	return bpf_map_lookup_elem(&config_map, &zero);
}

/* addr: network byte order. Most of the internet is in none of the /16 that the list reaches into: the list costs 60 to 90 ns. */
INLINE int is_special4(const struct config *config, u32 addr)
{
	u64 net = addr & 0xffff;

	if ((config->special_nets[net >> 5] >> (net & 31) & 1) == 0)
		return 0;
	/* struct special4_key */
	u64 key = 32 | (u64)addr << 32;

	return bpf_map_lookup_elem(&special4, &key) != 0;
}

/* total: a verdict, or TOTAL_FROM_LAN, TOTAL_TO_LAN. */
INLINE void count(u64 total, u64 bytes)
{
	struct totals *totals = bpf_map_lookup_elem(&totals_map, &total);

	if (totals) {
		totals->packets++;
		totals->bytes += bytes;
	}
}
_Static_assert(sizeof(struct host6_key) == 20 && __builtin_offsetof(struct host6_key, prefix) == 16, "built as 64-bit words");
_Static_assert(sizeof(struct flow_key) == 40 && __builtin_offsetof(struct flow_key, host0) == 24, "built as 64-bit words");
_Static_assert(sizeof(struct flow) == sizeof(((struct config *)0)->new_flow), "zeros of a new flow");
_Static_assert(sizeof(struct special4_key) == 8 && __builtin_offsetof(struct special4_key, addr) == 4, "built as a 64-bit word");
