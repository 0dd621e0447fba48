/*
 * nat64's fast path: tc egress of the TUN. A packet whose host is in the maps and that has nothing unusual is
 * translated here and comes back in at the TUN, as if TypeScript had written it; every other packet goes on into the
 * TUN's queue, untouched. Never a verdict of its own: what is refused, answered or cut is TypeScript's business.
 *
 *   kernel ──▶ TUN egress ──(hit)──▶ translate ──▶ TUN ingress ──▶ kernel
 *                   └──────(all else)──▶ TUN queue ──▶ services/nat64/src/io/worker.ts
 */
#include "lib/6to4.h"
#include "lib/4to6.h"

/* Headers that are looked at: IPv6 and TCP. */
#define HEADERS_LEN (IPV6_LEN + TCP_LEN)

int nat64(struct __sk_buff *skb) SECTION("tc");
int nat64(struct __sk_buff *skb)
{
	const struct config *config = config_of();

	if (!config || config->version != LAYOUT_VERSION)
		return FALL_THROUGH;
	/* Headers may lie in a page fragment. */
	if ((unsigned long)skb->data + HEADERS_LEN > (unsigned long)skb->data_end)
		bpf_skb_pull_data(skb, skb->len < HEADERS_LEN ? skb->len : HEADERS_LEN);
	if (skb->protocol == HTONS(ETH_P_IPV6))
		return translate_6to4(skb, config);
	if (skb->protocol == HTONS(ETH_P_IP))
		return translate_4to6(skb, config);
	return FALL_THROUGH;
}

/* No helper that is used asks for a GPL-compatible program (bpf_ktime_get_ns: since kernel 5.8). */
char _license[] SECTION("license") = "sixgate";
