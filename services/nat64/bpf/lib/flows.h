/*
 * Which packets may go past the IPv6 side of the stack: those of a flow that it let through a moment ago.
 *
 * From a LAN: the program at the TUN's egress sees what forwarding, firewall and conntrack let pass, and writes that down;
 * the one at a LAN's ingress believes it for JUDGED_NS. To a LAN: the program at its egress sees what they let pass, with
 * link, Ethernet header and length, and the one at the TUN's egress sends what is no longer the same way for JUDGED_NS. Then one
 * packet goes the long way again. So what a rule begins to refuse is refused to known flows after that time, and so is what a route,
 * a neighbour or an MTU does not let through any more; new flows are always judged. As for the firewall, a flow is known only
 * once somebody answered it.
 *
 * TCP is never taken: conntrack follows its windows, and has to see every segment. A super-packet has to make the pass
 * that is saved here once for 64 KiB anyway.
 */
#pragma once
#include "ip.h"
#include "maps.h"
#include "packet.h"

#define JUDGED_NS 1000000000ULL
/* Less than conntrack keeps a flow of UDP or echo requests that is silent: at least 60 s. */
#define ANSWERED_NS 30000000000ULL

/*
 * What tells flows of a protocol apart: ports; or the identifier of an echo, and who asks. `at`: UDP_LEN octets are there;
 * `asks`: an echo request of the host, or the reply to one.
 */
INLINE u64 flow_discriminator(const u8 *at, u64 protocol, u64 asks)
{
	return protocol == PROTOCOL_UDP ? *(const u32 *)at : *(const u16 *)(at + ICMP_REST) | asks << 16;
}

/* The same of a packet to the host: its ports are the flow's, the other way round. */
INLINE u64 flow_discriminator_of_answer(const u8 *at, u64 protocol, u64 asks)
{
	u64 discriminator = flow_discriminator(at, protocol, asks);

	return protocol == PROTOCOL_UDP ? (discriminator << 16 | discriminator >> 16) & 0xffffffff : discriminator;
}

/*
 * A flow that nothing is known about. No null pointer: without PERFMON the verifier of 6.1 follows what a processor might guess
 * behind a comparison whose outcome is known, and refuses that it takes the null for a flow there.
 */
INLINE const struct flow *no_flow(const struct config *config)
{
	return (const struct flow *)config->new_flow;
}

INLINE int is_recent(u64 then, u64 now, u64 span)
{
	return then != 0 && now - then < span;
}

/* A packet from the LAN has come to the TUN. key: struct flow_key */
INLINE void note_passed(const struct __sk_buff *skb, const struct config *config, const u64 *key, u64 now)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, key);

	/* The gateway's own packets come from no link. */
	if (skb->ingress_ifindex == 0)
		return;
	if (!flow) {
		bpf_map_update_elem(&flows, key, config->new_flow, BPF_NOEXIST);
		flow = bpf_map_lookup_elem(&flows, key);
		if (!flow)
			return;
	}
	flow->passed_ns = now;
	flow->from_link = skb->ingress_ifindex;
}

/* An answer comes back. Returns the flow, or 0. key: struct flow_key of the flow that it answers */
INLINE const struct flow *note_answered(const u64 *key, u64 now)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, key);

	if (flow)
		flow->answered_ns = now;
	return flow;
}

/* Whether the stack need not see this packet of a LAN. key: struct flow_key */
INLINE int may_pass(const struct __sk_buff *skb, const u64 *key, u64 now)
{
	const struct flow *flow = bpf_map_lookup_elem(&flows, key);

	return flow && flow->from_link == skb->ingress_ifindex && is_recent(flow->passed_ns, now, JUDGED_NS) &&
	       is_recent(flow->answered_ns, now, ANSWERED_NS);
}

/*
 * The stack sends an answer to a LAN. frame: its Ethernet header; len: of the packet on the wire. Two processors that note
 * answers of one flow write the same, but for the length, where the smaller one only means a longer way.
 */
INLINE void note_delivered(const struct __sk_buff *skb, const u64 *key, u64 now, const u8 *frame, u64 len)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, key);

	if (!flow)
		return;
	/* With each second the length is learned anew: the MTU may have become smaller. */
	if (flow->to_link != skb->ifindex || flow->to_len < len || !is_recent(flow->delivered_ns, now, JUDGED_NS))
		flow->to_len = len;
	flow->header0 = *(const u64 *)frame;
	flow->header1 = *(const u32 *)(frame + 8) | (u64)*(const u16 *)(frame + ETH_TYPE) << 32;
	flow->to_link = skb->ifindex;
	flow->delivered_ns = now;
}

/* Whether the stack need not see this answer. len: of the packet on the wire, as IPv6 */
INLINE int may_be_delivered(const struct flow *flow, u64 now, u64 len)
{
	return flow && len <= flow->to_len && is_recent(flow->delivered_ns, now, JUDGED_NS);
}
