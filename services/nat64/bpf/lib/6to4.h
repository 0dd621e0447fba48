/* RFC 7915 §5: from IPv6 to IPv4, the packets that have nothing unusual. */
#pragma once
#include "packet.h"

/* RFC 7915 §5.1: packets up to this size may be fragmented on their way. */
#define DF_CLEAR_UP_TO 1260

/* Place of the prefix that holds `dst`, or -1. Only /96 stand in the table; the others are TypeScript's. */
INLINE int find_pref64(const struct config *config, const u32 *dst)
{
#pragma unroll
	for (u32 i = 0; i < MAX_PREFIXES; i++) {
		const struct pref64 *pref = &config->prefixes[i];

		if (i < config->prefix_count && pref->word2 == dst[2] && pref->word1 == dst[1] && pref->word0 == dst[0])
			return (int)i;
	}
	return -1;
}

/* `l2`: octets in front of the IP header, a constant. What is translated stands behind them, ready to be given back. */
INLINE int translate_6to4(struct __sk_buff *skb, const struct config *config, const u32 l2)
{
	const struct echo_types echo = { PROTOCOL_ICMPV6, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY,
					 ICMPV4_ECHO_REQUEST, ICMPV4_ECHO_REPLY };
	const u8 *data = (const u8 *)(unsigned long)skb->data + l2;
	const u8 *end = (const u8 *)(unsigned long)skb->data_end;
	const struct ipv6 *ip6 = (const struct ipv6 *)data;
	struct upper upper = {};
	u32 len = skb->len - l2;

	if (data + IPV6_LEN > end)
		return FALL_THROUGH;
	upper.len = NTOHS(ip6->payload_len);
	/* Longer: padding behind the packet, or a jumbogram. */
	if ((data[0] >> 4) != 6 || upper.len + IPV6_LEN != len || upper.len + IPV4_LEN > IPV4_MAX_LEN)
		return FALL_THROUGH;
	if (ip6->hop_limit <= 1)
		return FALL_THROUGH;
	u8 protocol = ip6->next_header;
	if (!read_upper(&upper, data + IPV6_LEN, end, protocol, echo))
		return FALL_THROUGH;

	int pref = find_pref64(config, ip6->dst);
	u32 dst4 = ip6->dst[3];
	if (pref < 0 || is_special4(dst4))
		return FALL_THROUGH;
	struct host6_key key = { ip6->src[0], ip6->src[1], ip6->src[2], ip6->src[3], (u32)pref };
	struct host6 *host = bpf_map_lookup_elem(&hosts6, &key);
	if (!host)
		return FALL_THROUGH;

	struct ipv6 old = *ip6;
	/* RFC 7915 §5.1: identification from a generator; the host's packets are counted anyway. */
	u16 id = (u16)__sync_fetch_and_add(&host->packets, wire_packets(skb));
	__sync_fetch_and_add(&host->bytes, len);
	host->seen_ns = bpf_ktime_get_ns();
	u32 tos = config->tos == COPY ? NTOHS((u16)old.version_class_flow) >> 4 & 0xff : config->tos;
	struct ipv4 new = {
		.version_ihl = 0x45,
		.tos = tos,
		.total_len = HTONS(IPV4_LEN + upper.len),
		.id = HTONS(id),
		.flags_frag = HTONS(IPV4_LEN + wire_upper_len(skb, &upper) > DF_CLEAR_UP_TO ? IPV4_DF : 0),
		.ttl = old.hop_limit - 1,
		.protocol = protocol == PROTOCOL_ICMPV6 ? PROTOCOL_ICMP : protocol,
		.src = host->ip4,
		.dst = dst4,
	};
	new.checksum = ~sum_ipv4(&new);

	u32 diff;
	if (protocol == PROTOCOL_ICMPV6) {
		/* ICMPv4 has no pseudo-header. */
		struct pseudo6 pseudo = {
			.upper_len = HTONL(upper.len),
			.next_header = HTONL(PROTOCOL_ICMPV6),
		};
		__builtin_memcpy(&pseudo, old.src, 32);
		diff = bpf_csum_diff(&pseudo, sizeof(pseudo), 0, 0, 0);
	} else {
		diff = bpf_csum_diff(old.src, 32, &new.src, 8, 0);
	}
	/* bpf_skb_change_proto takes the octets that it removes, the first 20, out of the sum itself. */
	u32 header_diff = bpf_csum_diff((const u8 *)&old + IPV6_LEN - IPV4_LEN, IPV4_LEN, &new, sizeof(new), 0);

	if (bpf_skb_change_proto(skb, HTONS(ETH_P_IP), 0) != 0)
		return FALL_THROUGH;
	if (bpf_skb_store_bytes(skb, l2, &new, sizeof(new), 0) != 0 ||
	    rewrite_upper(skb, l2 + IPV4_LEN, protocol, &upper, diff, header_diff) != 0) {
		count(VERDICT_CONTINUE, len);
		return TC_ACT_SHOT;
	}
	count(VERDICT_TRANSLATED_6TO4, len);
	return TRANSLATED;
}
