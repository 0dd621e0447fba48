/* RFC 7915 §5: from IPv6 to IPv4, the packets that have nothing unusual. */
#pragma once
#include "alg.h"
#include "flows.h"
#include "packet.h"

/* RFC 7915 §5.1: packets up to this size may be fragmented on their way. */
#define DF_CLEAR_UP_TO 1260

/* Place of the prefix that holds `dst`, or MAX_PREFIXES. Only /96 stand in the table; the others are TypeScript's. */
INLINE u64 find_pref64(const struct config *config, u64 high, u32 low)
{
#pragma unroll
	for (u64 i = 0; i < MAX_PREFIXES; i++) {
		const struct pref64 *pref = &config->prefixes[i];

		if (i < config->prefix_count && pref->word2 == low && ((u64)pref->word1 << 32 | pref->word0) == high)
			return i;
	}
	return MAX_PREFIXES;
}

/* Where a packet is met: behind forwarding, or before it. */
enum where { AT_TUN, AT_LAN };

/*
 * `l2`: octets in front of the IP header; `where`: both are constants. What is translated stands behind the `l2` octets,
 * ready to be given back.
 */
INLINE int translate_6to4(struct __sk_buff *skb, const struct config *config, const u32 l2, const enum where where)
{
	const struct echo_types echo = { PROTOCOL_ICMPV6, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY,
					 ICMPV4_ECHO_REQUEST, ICMPV4_ECHO_REPLY };
	const u8 *data = (const u8 *)(unsigned long)skb->data + l2;
	const u8 *end = (const u8 *)(unsigned long)skb->data_end;
	const struct ipv6 *ip6 = (const struct ipv6 *)data;
	/* Forwarding to the TUN counts one, too: the far end sees the same whichever way a packet took. */
	const u64 hops = where == AT_LAN ? 2 : 1;
	struct upper upper = {};
	u64 len = skb->len - l2;

	if (data + IPV6_LEN > end)
		return FALL_THROUGH;
	upper.len = IPV6_PAYLOAD_LEN(ip6);
	/* Longer: padding behind the packet, or a jumbogram. */
	if (IPV6_VERSION(ip6) != 6 || upper.len + IPV6_LEN != len || upper.len + IPV4_LEN > IPV4_MAX_LEN)
		return FALL_THROUGH;
	u64 hop_limit = IPV6_HOP_LIMIT(ip6);
	if (hop_limit <= hops)
		return FALL_THROUGH;
	u64 protocol = IPV6_NEXT_HEADER(ip6);
	if (where == AT_LAN && protocol == PROTOCOL_TCP)
		return FALL_THROUGH;
	if (!read_upper(&upper, data + IPV6_LEN, end, protocol, echo))
		return FALL_THROUGH;
	if (is_alg_port(config, data + IPV6_LEN, protocol))
		return FALL_THROUGH;
	/* The stack says "too big". */
	if (where == AT_LAN && IPV6_LEN + wire_upper_len(skb, &upper) > config->mtu)
		return FALL_THROUGH;

	u64 place = find_pref64(config, ip6->dst[0], ip6->dst[1]);
	u64 dst4 = ip6->dst[1] >> 32;
	if (place == MAX_PREFIXES || is_special4(config, dst4))
		return FALL_THROUGH;
	/* The first five are a struct flow_key, the last three a struct host6_key: the stack has 512 octets. */
	u64 key[6] = {
		flow_discriminator(data + IPV6_LEN, protocol, upper.type == echo.request) | protocol << 32,
		ip6->dst[0], ip6->dst[1], ip6->src[0], ip6->src[1], place,
	};
	struct host6 *host = bpf_map_lookup_elem(&hosts6, key + 3);
	if (!host)
		return FALL_THROUGH;
	u64 now = bpf_ktime_get_coarse_ns();
	if (config->tun_ifindex != 0 && protocol != PROTOCOL_TCP) {
		if (where == AT_TUN)
			note_passed(skb, config, key, now);
		else if (!may_pass(skb, key, now))
			return FALL_THROUGH;
	}

	/* RFC 7915 §5.1: identification from a generator; the host's packets are counted anyway. */
	u64 id = __sync_fetch_and_add(&host->packets, wire_packets(skb));
	__sync_fetch_and_add(&host->bytes, len);
	host->seen_ns = now;
	u64 tos = config->tos == COPY ? IPV6_CLASS(ip6) : config->tos;
	u64 df = IPV4_LEN + wire_upper_len(skb, &upper) > DF_CLEAR_UP_TO ? IPV4_DF : 0;
	u64 protocol4 = protocol == PROTOCOL_ICMPV6 ? PROTOCOL_ICMP : protocol;
	struct ipv4 new = {
		0x45 | tos << 8 | (u64)HTONS(IPV4_LEN + upper.len) << 16 | (u64)HTONS(id) << 32 | (u64)HTONS(df) << 48,
		(hop_limit - hops) | protocol4 << 8 | (u64)host->ip4 << 32,
		dst4,
	};
	new.word1 |= (~sum_ipv4(&new) & 0xffff) << 16;

	/* Pseudo-headers: ICMPv4 has none; for the others the server's address counts the same on both sides. */
	u64 diff = protocol == PROTOCOL_ICMPV6 ?
			   minus((u64)host->sum6 + dst4 + HTONL(upper.len) + HTONL(PROTOCOL_ICMPV6)) :
			   fold32(host->ip4 + minus(host->sum6));
	/*
	 * An IPv4 header sums up to nothing. The first 20 octets of the old one are taken out by bpf_skb_change_proto, the
	 * other ones are written over.
	 */
	u64 header_diff = minus((ip6->src[1] >> 32) + halves(ip6->dst[0]) + halves(ip6->dst[1]));

	if (bpf_skb_change_proto(skb, HTONS(ETH_P_IP), 0) != 0)
		return FALL_THROUGH;
	if (bpf_skb_store_bytes(skb, l2, &new, IPV4_LEN, 0) != 0 ||
	    rewrite_upper(skb, l2 + IPV4_LEN, protocol, &upper, diff, header_diff) != 0) {
		count(VERDICT_CONTINUE, len);
		return TC_ACT_SHOT;
	}
	count(VERDICT_TRANSLATED_6TO4, len);
	if (where == AT_LAN)
		count(TOTAL_FROM_LAN, len);
	return TRANSLATED;
}
