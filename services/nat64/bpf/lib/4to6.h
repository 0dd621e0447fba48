/* RFC 7915 §4: from IPv4 to IPv6, the packets that have nothing unusual. */
#pragma once
#include "alg.h"
#include "flows.h"
#include "packet.h"

/*
 * `l2`: octets in front of the IP header, a constant. What is translated stands behind them, ready to be given back; or to be
 * delivered as the packets of `way` are, which is no_flow when this is called.
 */
INLINE int translate_4to6(struct __sk_buff *skb, const struct config *config, const u32 l2, const struct flow **way)
{
	const struct echo_types echo = { PROTOCOL_ICMP, ICMPV4_ECHO_REQUEST, ICMPV4_ECHO_REPLY,
					 ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY };
	const u8 *data = (const u8 *)(unsigned long)skb->data + l2;
	const u8 *end = (const u8 *)(unsigned long)skb->data_end;
	struct upper upper = {};
	u64 len = skb->len - l2;

	if (data + IPV4_LEN > end)
		return FALL_THROUGH;
	const struct ipv4 old = { *(const u64 *)data, *(const u64 *)(data + 8), *(const u32 *)(data + 16) };
	/* Version 4 and no options. */
	if (IPV4_VERSION_IHL(old) != 0x45 || IPV4_TOTAL_LEN(old) != len || len < IPV4_LEN)
		return FALL_THROUGH;
	u64 flags_frag = IPV4_FLAGS_FRAG(old);
	if ((flags_frag & IPV4_MF_AND_OFFSET) != 0 || IPV4_TTL(old) <= 1 || sum_ipv4(&old) != 0xffff)
		return FALL_THROUGH;
	upper.len = len - IPV4_LEN;
	u64 protocol = IPV4_PROTOCOL(old);
	if (!read_upper(&upper, data + IPV4_LEN, end, protocol, echo))
		return FALL_THROUGH;
	if (is_alg_port(config, data + IPV4_LEN, protocol))
		return FALL_THROUGH;
	u64 wire_len = IPV6_LEN + wire_upper_len(skb, &upper);
	/* RFC 7915 §4: DF is clear: it has to be cut. */
	if ((flags_frag & IPV4_DF) == 0 && wire_len > config->lowest_ipv6_mtu)
		return FALL_THROUGH;
	/* The kernel would drop it silently at the TUN's ingress; behind it somebody says "too big". */
	if (wire_len > config->mtu)
		return FALL_THROUGH;

	u64 key = old.dst;
	struct host4 *host = bpf_map_lookup_elem(&hosts4, &key);
	u64 src4 = IPV4_SRC(old);
	if (!host || is_special4(config, src4))
		return FALL_THROUGH;

	__sync_fetch_and_add(&host->packets, wire_packets(skb));
	__sync_fetch_and_add(&host->bytes, len);
	u64 now = bpf_ktime_get_coarse_ns();
	host->seen_ns = now;
	u64 traffic_class = config->traffic_class == COPY ? IPV4_TOS(old) : config->traffic_class;
	u64 protocol6 = protocol == PROTOCOL_ICMP ? PROTOCOL_ICMPV6 : protocol;
	u64 ttl = IPV4_TTL(old);
	/* But for its first word the header is a struct flow_key: the stack has 512 octets. */
	struct ipv6 new = {
		0,
		{ host->pref0 | (u64)host->pref1 << 32, host->pref2 | src4 << 32 },
		{ host->word0 | (u64)host->word1 << 32, host->word2 | (u64)host->word3 << 32 },
	};

	if (config->tun_ifindex != 0 && protocol != PROTOCOL_TCP) {
		new.word0 = flow_discriminator_of_answer(data + IPV4_LEN, protocol, upper.type == echo.reply) | protocol6 << 32;
		const struct flow *flow = note_answered((const u64 *)&new, now);

		if (ttl > 2 && may_be_delivered(flow, now, wire_len))
			*way = flow;
	}
	/* Forwarding to the LAN counts one, too: the host sees the same whichever way a packet took. */
	u64 hops = (*way)->to_link == 0 ? 1 : 2;
	new.word0 = HTONL(0x60000000 | traffic_class << 20) | (u64)HTONS(upper.len) << 32 | protocol6 << 48 | (ttl - hops) << 56;

	/* Pseudo-headers: ICMPv4 has none; for the others the server's address counts the same on both sides. */
	u64 diff = protocol == PROTOCOL_ICMP ?
			   fold32((u64)host->sum6 + src4 + HTONL(upper.len) + HTONL(PROTOCOL_ICMPV6)) :
			   fold32(host->sum6 + minus(old.dst));
	/* An IPv4 header sums up to nothing; the zeros that bpf_skb_change_proto puts in front do so, too. */
	u64 header_diff = fold32(halves(new.word0) + host->sum6 + src4);

	if (bpf_skb_change_proto(skb, HTONS(ETH_P_IPV6), 0) != 0)
		return FALL_THROUGH;
	if (bpf_skb_store_bytes(skb, l2, &new, IPV6_LEN, 0) != 0 ||
	    rewrite_upper(skb, l2 + IPV6_LEN, protocol, &upper, diff, header_diff) != 0) {
		count(VERDICT_CONTINUE, len);
		return TC_ACT_SHOT;
	}
	count(VERDICT_TRANSLATED_4TO6, len);
	return TRANSLATED;
}
