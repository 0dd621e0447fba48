/* Steps that both directions share. */
#pragma once
#include "ip.h"
#include "maps.h"

/* Not ours: TypeScript sees the packet as it came. */
#define FALL_THROUGH TC_ACT_UNSPEC
/* No verdict of the kernel's: the packet is another one now, and somebody says where it goes. */
#define TRANSLATED 100

/* Headers that are looked at: IPv6 and TCP. */
#define HEADERS_LEN (IPV6_LEN + TCP_LEN)

/* Headers may lie in a page fragment. */
INLINE void pull_headers(struct __sk_buff *skb, const u32 l2)
{
	u32 wanted = l2 + HEADERS_LEN;

	if ((unsigned long)skb->data + wanted > (unsigned long)skb->data_end)
		bpf_skb_pull_data(skb, skb->len < wanted ? skb->len : wanted);
}

/* What was found out about the upper layer. */
struct upper {
	u64 len;
	/* Of its header; UDP and ICMP: 8. */
	u64 header_len;
	/* Offset of the checksum in it. */
	u64 checksum;
	/* ICMP: type and code as they are, and the type as it will be. */
	u64 type;
	u64 code;
	u64 new_type;
};

/* `protocol`, `request`, `reply`: numbers of the packet's own family; `to_request`, `to_reply`: of the other one. */
struct echo_types {
	u8 protocol;
	u8 request;
	u8 reply;
	u8 to_request;
	u8 to_reply;
};

/* Reads TCP, UDP and echo messages at `at`. Zero: leave the packet alone. */
INLINE int read_upper(struct upper *upper, const u8 *at, const u8 *end, u64 protocol, const struct echo_types echo)
{
	if (at + UDP_LEN > end)
		return 0;
	if (protocol == PROTOCOL_TCP) {
		if (at + TCP_LEN > end || upper->len < TCP_LEN)
			return 0;
		upper->header_len = (at[TCP_DATA_OFFSET] >> 4) * 4;
		upper->checksum = TCP_CHECKSUM;
		return upper->header_len >= TCP_LEN;
	}
	if (upper->len < UDP_LEN)
		return 0;
	upper->header_len = UDP_LEN;
	if (protocol == PROTOCOL_UDP) {
		upper->checksum = UDP_CHECKSUM;
		/* RFC 7915 §4.5: none, or a policy of its own. */
		return *(const u16 *)(at + UDP_CHECKSUM) != 0;
	}
	if (protocol != echo.protocol)
		return 0;
	upper->checksum = ICMP_CHECKSUM;
	upper->type = at[0];
	upper->code = at[1];
	if (upper->type == echo.request)
		upper->new_type = echo.to_request;
	else if (upper->type == echo.reply)
		upper->new_type = echo.to_reply;
	else
		return 0;
	/*
	 * RFC 1624 §3: of an ICMPv4 message that is all zeros the increment gives 0 where 0xffff is right. Whether the data are
	 * zeros as well, TypeScript sees.
	 */
	return upper->new_type != 0 || *(const u32 *)(at + ICMP_REST) != 0;
}

/* Bytes of the upper layer in one packet on the wire: of a segment, when this is a super-packet. */
INLINE u64 wire_upper_len(const struct __sk_buff *skb, const struct upper *upper)
{
	u64 segment_len = upper->header_len + skb->gso_size;

	return skb->gso_size == 0 || upper->len < segment_len ? upper->len : segment_len;
}

/* Packets on the wire. */
INLINE u64 wire_packets(const struct __sk_buff *skb)
{
	return skb->gso_segs == 0 ? 1 : skb->gso_segs;
}

/*
 * After the new IP header is in place: the checksum of TCP, UDP or ICMP changes by `diff` (the pseudo-header), ICMP
 * gets its new type, and a sum over the whole packet (CHECKSUM_COMPLETE) learns of what was stored as IP header. The kernel
 * knows whether the field holds a checksum or a partial sum (CHECKSUM_PARTIAL). Zero when all went well.
 */
INLINE int rewrite_upper(struct __sk_buff *skb, u64 at, u64 protocol, const struct upper *upper, u64 diff, u64 header_diff)
{
	u64 flags = BPF_F_PSEUDO_HDR | (protocol == PROTOCOL_UDP ? BPF_F_MARK_MANGLED_0 : 0);

	if (bpf_l4_csum_replace(skb, at + upper->checksum, 0, diff, flags) != 0)
		return -1;
	if (upper->checksum == ICMP_CHECKSUM) {
		u64 old = upper->type | upper->code << 8;
		u64 new = upper->new_type | upper->code << 8;
		u64 type = upper->new_type;

		if (bpf_l4_csum_replace(skb, at + ICMP_CHECKSUM, old, new, 2) != 0)
			return -1;
		if (bpf_skb_store_bytes(skb, at, &type, 1, 0) != 0)
			return -1;
	}
	/* Fails when there is no such checksum, which is no error. */
	bpf_csum_update(skb, header_diff);
	return 0;
}

/* The packet comes in at the TUN as if it had been written there; a firewall mark would be another family's. */
INLINE int give_back(struct __sk_buff *skb, u32 tun_ifindex)
{
	skb->mark = 0;
	return bpf_redirect(tun_ifindex, BPF_F_INGRESS);
}
