/*
 * Which packets of a LAN may go past the IPv6 side of the stack: those of a flow that it let through a moment ago. The
 * program at the TUN's egress sees what forwarding, firewall and conntrack let pass, and writes that down; the program at
 * a LAN's ingress believes it for JUDGED_NS, then one packet goes the long way again. So what a rule begins to refuse
 * is refused to known flows after that time, and new flows are always judged. As for the firewall, a flow is known only
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

INLINE int is_recent(u64 then, u64 now, u64 span)
{
	return then != 0 && now - then < span;
}

/* A packet from the LAN has come to the TUN. key: struct flow_key */
INLINE void note_passed(const struct __sk_buff *skb, const u64 *key, u64 now)
{
	u64 link = skb->ingress_ifindex;
	struct flow *flow = bpf_map_lookup_elem(&flows, key);

	/* The gateway's own packets come from no link. */
	if (link == 0)
		return;
	if (flow) {
		flow->passed_ns = now;
		flow->link = link;
		return;
	}
	/* struct flow */
	u64 new[3] = { now, 0, link };

	bpf_map_update_elem(&flows, key, new, 0);
}

/* An answer comes back. key: struct flow_key of the flow that it answers */
INLINE void note_answered(const u64 *key, u64 now)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, key);

	if (flow)
		flow->answered_ns = now;
}

/* Whether the stack need not see this packet. key: struct flow_key */
INLINE int may_pass(const struct __sk_buff *skb, const u64 *key, u64 now)
{
	const struct flow *flow = bpf_map_lookup_elem(&flows, key);

	return flow && flow->link == skb->ingress_ifindex && is_recent(flow->passed_ns, now, JUDGED_NS) &&
	       is_recent(flow->answered_ns, now, ANSWERED_NS);
}
