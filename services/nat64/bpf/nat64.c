/*
 * nat64's fast path. At the TUN's egress: a packet whose host is in the maps and that has nothing unusual is
 * translated here and comes back in at the TUN, as if TypeScript had written it; every other packet goes on into the
 * TUN's queue, untouched. Never a verdict of its own: what is refused, answered or cut is TypeScript's business.
 *
 *   kernel ──▶ TUN egress ──(hit)──▶ translate ──▶ TUN ingress ──▶ kernel
 *                   └──────(all else)──▶ TUN queue ──▶ services/nat64/src/io/worker.ts
 */
#include "lib/6to4.h"
#include "lib/4to6.h"
#include "lib/lan.h"

static int from_ipv6(struct __sk_buff *skb, const struct config *config) SUBPROGRAM("tc");
static int from_ipv4(struct __sk_buff *skb, const struct config *config) SUBPROGRAM("tc");

int nat64(struct __sk_buff *skb) SECTION("tc");
int nat64(struct __sk_buff *skb)
{
	const struct config *config = config_of();

	if (!config || config->version != LAYOUT_VERSION)
		return FALL_THROUGH;
	pull_headers(skb, 0);
	if (skb->protocol == HTONS(ETH_P_IPV6))
		return from_ipv6(skb, config);
	if (skb->protocol == HTONS(ETH_P_IP))
		return from_ipv4(skb, config);
	return FALL_THROUGH;
}

static int from_ipv6(struct __sk_buff *skb, const struct config *config)
{
	int verdict = translate_6to4(skb, config, 0, AT_TUN);

	return verdict == TRANSLATED ? give_back(skb, skb->ifindex) : verdict;
}

static int from_ipv4(struct __sk_buff *skb, const struct config *config)
{
	const struct flow *way = no_flow(config);
	int verdict = translate_4to6(skb, config, 0, &way);

	if (verdict != TRANSLATED)
		return verdict;
	return way->to_link == 0 ? give_back(skb, skb->ifindex) : deliver(skb, way);
}

/*
 * At the ingress of a LAN link that is Ethernet, when the document asks for it: packets of flows that the stack let
 * through a moment ago (lib/flows.h) come in at the TUN as IPv4 without having been to the IPv6 side of the stack.
 *
 *   LAN ingress ──(flow is known)──▶ translate ──▶ TUN ingress ──▶ kernel
 *          └──────(all else)───────▶ kernel ──▶ TUN egress, as above
 *
 * And answers of such flows leave the TUN's egress for the LAN's:
 *
 *   kernel ──▶ TUN egress ──▶ translate ─┬─(flow is known)──────────────────────────▶ LAN egress
 *                                        └─(all else)──▶ TUN ingress ──▶ kernel ──▶ LAN egress
 */
int nat64_from_lan(struct __sk_buff *skb) SECTION("from_lan");
int nat64_from_lan(struct __sk_buff *skb)
{
	const struct config *config = config_of();

	if (!config || config->version != LAYOUT_VERSION || config->tun_ifindex == 0)
		return FALL_THROUGH;
	/* Frames to others (a bridge's, a tap's). */
	if (skb->pkt_type != PACKET_HOST || !is_ipv6_frame(skb))
		return FALL_THROUGH;
	int verdict = translate_6to4(skb, config, ETH_LEN, AT_LAN);
	/* Towards a link without Ethernet headers the kernel takes this one off. */
	return verdict == TRANSLATED ? give_back(skb, config->tun_ifindex) : verdict;
}

/* At the egress of such a link: writes down what the stack lets through, and changes nothing. */
int nat64_to_lan(struct __sk_buff *skb) SECTION("to_lan");
int nat64_to_lan(struct __sk_buff *skb)
{
	const struct config *config = config_of();

	if (!config || config->version != LAYOUT_VERSION || config->tun_ifindex == 0)
		return FALL_THROUGH;
	/* What took the short way came in elsewhere: it may not vouch for itself. */
	if (skb->ingress_ifindex == config->tun_ifindex && is_ipv6_frame(skb))
		note_answer(skb);
	return FALL_THROUGH;
}

/* No helper that is used asks for a GPL-compatible program (bpf_ktime_get_coarse_ns: since kernel 5.11). */
char _license[] SECTION("license") = "sixgate";
