/* RFC 7915 §4: from IPv4 to IPv6, the packets that have nothing unusual. */
#pragma once
#include "packet.h"

/* `l2`: octets in front of the IP header, a constant. What is translated stands behind them, ready to be given back. */
INLINE int translate_4to6(struct __sk_buff *skb, const struct config *config, const u32 l2)
{
	const struct echo_types echo = { PROTOCOL_ICMP, ICMPV4_ECHO_REQUEST, ICMPV4_ECHO_REPLY,
					 ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY };
	const u8 *data = (const u8 *)(unsigned long)skb->data + l2;
	const u8 *end = (const u8 *)(unsigned long)skb->data_end;
	struct upper upper = {};
	u32 len = skb->len - l2;

	if (data + IPV4_LEN > end)
		return FALL_THROUGH;
	struct ipv4 old = *(const struct ipv4 *)data;
	/* Version 4 and no options. */
	if (old.version_ihl != 0x45 || NTOHS(old.total_len) != len || len < IPV4_LEN)
		return FALL_THROUGH;
	u32 flags_frag = NTOHS(old.flags_frag);
	if ((flags_frag & IPV4_MF_AND_OFFSET) != 0 || old.ttl <= 1 || sum_ipv4(&old) != 0xffff)
		return FALL_THROUGH;
	upper.len = len - IPV4_LEN;
	u8 protocol = old.protocol;
	if (!read_upper(&upper, data + IPV4_LEN, end, protocol, echo))
		return FALL_THROUGH;
	u32 wire_len = IPV6_LEN + wire_upper_len(skb, &upper);
	/* RFC 7915 §4: DF is clear: it has to be cut. */
	if ((flags_frag & IPV4_DF) == 0 && wire_len > config->lowest_ipv6_mtu)
		return FALL_THROUGH;
	/* The kernel would drop it silently at the TUN's ingress; behind it somebody says "too big". */
	if (wire_len > config->mtu)
		return FALL_THROUGH;

	struct host4_key key = { old.dst };
	struct host4 *host = bpf_map_lookup_elem(&hosts4, &key);
	if (!host || is_special4(old.src))
		return FALL_THROUGH;

	__sync_fetch_and_add(&host->packets, wire_packets(skb));
	__sync_fetch_and_add(&host->bytes, len);
	host->seen_ns = bpf_ktime_get_ns();
	u32 traffic_class = config->traffic_class == COPY ? old.tos : config->traffic_class;
	struct ipv6 new = {
		.version_class_flow = HTONL(0x60000000 | traffic_class << 20),
		.payload_len = HTONS(upper.len),
		.next_header = protocol == PROTOCOL_ICMP ? PROTOCOL_ICMPV6 : protocol,
		.hop_limit = old.ttl - 1,
		.src = { host->pref0, host->pref1, host->pref2, old.src },
		.dst = { host->word0, host->word1, host->word2, host->word3 },
	};

	u32 diff;
	if (protocol == PROTOCOL_ICMP) {
		struct pseudo6 pseudo = {
			.upper_len = HTONL(upper.len),
			.next_header = HTONL(PROTOCOL_ICMPV6),
		};
		__builtin_memcpy(&pseudo, new.src, 32);
		diff = bpf_csum_diff(0, 0, &pseudo, sizeof(pseudo), 0);
	} else {
		diff = bpf_csum_diff(&old.src, 8, new.src, 32, 0);
	}
	/* bpf_skb_change_proto puts zeros in front, which count for nothing. */
	u32 header_diff = bpf_csum_diff(&old, sizeof(old), &new, sizeof(new), 0);

	if (bpf_skb_change_proto(skb, HTONS(ETH_P_IPV6), 0) != 0)
		return FALL_THROUGH;
	if (bpf_skb_store_bytes(skb, l2, &new, sizeof(new), 0) != 0 ||
	    rewrite_upper(skb, l2 + IPV6_LEN, protocol, &upper, diff, header_diff) != 0) {
		count(VERDICT_CONTINUE, len);
		return TC_ACT_SHOT;
	}
	count(VERDICT_TRANSLATED_4TO6, len);
	return TRANSLATED;
}
