/* Headers on the wire; all fields in network byte order. */
#pragma once
#include "bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMPV6 58

#define ICMPV4_ECHO_REPLY 0
#define ICMPV4_ECHO_REQUEST 8
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

/* RFC 791 §3.1 */
struct ipv4 {
	u8 version_ihl;
	u8 tos;
	u16 total_len;
	u16 id;
	u16 flags_frag;
	u8 ttl;
	u8 protocol;
	u16 checksum;
	u32 src;
	u32 dst;
};
#define IPV4_LEN 20
#define IPV4_MAX_LEN 65535
#define IPV4_DF 0x4000
#define IPV4_MF_AND_OFFSET 0x3fff
_Static_assert(sizeof(struct ipv4) == IPV4_LEN, "struct ipv4");

/* RFC 8200 §3 */
struct ipv6 {
	u32 version_class_flow;
	u16 payload_len;
	u8 next_header;
	u8 hop_limit;
	u32 src[4];
	u32 dst[4];
};
#define IPV6_LEN 40
_Static_assert(sizeof(struct ipv6) == IPV6_LEN, "struct ipv6");

/* RFC 8200 §8.1 */
struct pseudo6 {
	u32 src[4];
	u32 dst[4];
	u32 upper_len;
	u32 next_header;
};

#define TCP_LEN 20
#define TCP_DATA_OFFSET 12
#define TCP_CHECKSUM 16
#define UDP_LEN 8
#define UDP_CHECKSUM 6
#define ICMP_LEN 8
#define ICMP_CHECKSUM 2

/* RFC 1071: a 32-bit sum of 16-bit words, with its carries added. */
INLINE u16 fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The sum over an IPv4 header without options. */
INLINE u16 sum_ipv4(const struct ipv4 *ip)
{
	const u16 *word = (const u16 *)ip;
	u32 sum = 0;

#pragma unroll
	for (int i = 0; i < IPV4_LEN / 2; i++)
		sum += word[i];
	return fold(sum);
}
