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

int nat64(struct __sk_buff *skb) SECTION("tc");
int nat64(struct __sk_buff *skb)
{
	const struct config *config = config_of();
	int verdict = FALL_THROUGH;

	if (!config || config->version != LAYOUT_VERSION)
		return FALL_THROUGH;
	pull_headers(skb, 0);
	if (skb->protocol == HTONS(ETH_P_IPV6))
		verdict = translate_6to4(skb, config, 0);
	else if (skb->protocol == HTONS(ETH_P_IP))
		verdict = translate_4to6(skb, config, 0);
	return verdict == TRANSLATED ? give_back(skb, skb->ifindex) : verdict;
}

/* No helper that is used asks for a GPL-compatible program (bpf_ktime_get_coarse_ns: since kernel 5.11). */
char _license[] SECTION("license") = "sixgate";
