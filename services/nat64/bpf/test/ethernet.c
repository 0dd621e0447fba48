/*
 * For tests: the translation of nat64.c behind an Ethernet header. BPF_PROG_TEST_RUN hands tc programs Ethernet frames only
 * (net/bpf/test_run.c pulls and pushes ETH_HLEN whatever the device is), and it alone makes CHECKSUM_COMPLETE on demand.
 */
#include "../lib/6to4.h"
#include "../lib/4to6.h"

int nat64_ethernet(struct __sk_buff *skb) SECTION("tc");
int nat64_ethernet(struct __sk_buff *skb)
{
	const struct config *config = config_of();
	const struct flow *way;

	if (!config || config->version != LAYOUT_VERSION)
		return FALL_THROUGH;
	way = no_flow(config);
	pull_headers(skb, ETH_LEN);
	if (skb->protocol == HTONS(ETH_P_IPV6))
		return translate_6to4(skb, config, ETH_LEN, AT_TUN);
	if (skb->protocol == HTONS(ETH_P_IP))
		return translate_4to6(skb, config, ETH_LEN, &way);
	return FALL_THROUGH;
}

char _license[] SECTION("license") = "sixgate";
