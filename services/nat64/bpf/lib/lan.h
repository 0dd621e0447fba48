/* Frames of a LAN link that is Ethernet: at its ingress and at its egress. */
#pragma once
#include "4to6.h"
#include "flows.h"

/* An IPv6 frame whose headers can be read now; none of a VLAN that is a link of its own. */
INLINE int is_ipv6_frame(struct __sk_buff *skb)
{
	if (skb->protocol != HTONS(ETH_P_IPV6) || skb->vlan_present)
		return 0;
	pull_headers(skb, ETH_LEN);
	const u8 *frame = (const u8 *)(unsigned long)skb->data;

	return frame + ETH_LEN <= (const u8 *)(unsigned long)skb->data_end &&
	       *(const u16 *)(frame + ETH_TYPE) == HTONS(ETH_P_IPV6);
}

/* Of the frames that leave for a LAN: how the stack delivers what came from the TUN. */
INLINE void note_answer(const struct __sk_buff *skb)
{
	const struct echo_types echo = { PROTOCOL_ICMPV6, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY, 1, 1 };
	const u8 *frame = (const u8 *)(unsigned long)skb->data;
	const u8 *end = (const u8 *)(unsigned long)skb->data_end;
	const struct ipv6 *ip6 = (const struct ipv6 *)(frame + ETH_LEN);
	const u8 *at = frame + ETH_LEN + IPV6_LEN;
	struct upper upper = {};

	if (at + UDP_LEN > end || IPV6_VERSION(ip6) != 6)
		return;
	u64 protocol = IPV6_NEXT_HEADER(ip6);
	upper.len = IPV6_PAYLOAD_LEN(ip6);
	if (protocol == PROTOCOL_TCP || !read_upper(&upper, at, end, protocol, echo))
		return;
	/* struct flow_key */
	u64 key[5] = {
		flow_discriminator_of_answer(at, protocol, upper.type == echo.reply) | protocol << 32,
		ip6->src[0], ip6->src[1], ip6->dst[0], ip6->dst[1],
	};

	note_delivered(skb, key, bpf_ktime_get_coarse_ns(), frame, IPV6_LEN + wire_upper_len(skb, &upper));
}

/* The translated packet leaves as the stack would have sent it. */
INLINE int deliver(struct __sk_buff *skb, const struct flow *way)
{
	/* Out of memory: there is the long way, though with a hop that is counted twice. */
	if (bpf_skb_change_head(skb, ETH_LEN, 0) != 0)
		return give_back(skb, skb->ifindex);
	u64 len = skb->len - ETH_LEN;

	if (bpf_skb_store_bytes(skb, 0, &way->header0, ETH_LEN, 0) != 0) {
		count(VERDICT_CONTINUE, len);
		return TC_ACT_SHOT;
	}
	count(TOTAL_TO_LAN, len);
	skb->mark = 0;
	return bpf_redirect(way->to_link, 0);
}
