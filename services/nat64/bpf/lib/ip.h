/* Headers on the wire; all fields in network byte order. */
#pragma once
#include "bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

/* IEEE 802.3: destination and source address, EtherType. */
#define ETH_LEN 14
#define ETH_TYPE 12

#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMPV6 58

#define ICMPV4_ECHO_REPLY 0
#define ICMPV4_ECHO_REQUEST 8
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

/*
 * Headers are read and built as 64-bit words, octet 0 in the lowest bits. Not only because it is fast: without CAP_PERFMON
 * the verifier of kernels 6.1 and 6.6 refuses to let a part of a stack slot be written whose first octets hold a number
 * that it knows something about ("attempt to corrupt spilled pointer"), which is what filling in a struct does.
 */

/* RFC 791 §3.1: version_ihl u8, tos u8, total_len u16, id u16, flags_frag u16 | ttl u8, protocol u8, checksum u16, src u32 | dst u32 */
struct ipv4 {
	u64 word0;
	u64 word1;
	u64 dst;
};
#define IPV4_LEN 20
#define IPV4_VERSION_IHL(ip) ((ip).word0 & 0xff)
#define IPV4_TOS(ip) ((ip).word0 >> 8 & 0xff)
#define IPV4_TOTAL_LEN(ip) NTOHS((ip).word0 >> 16)
#define IPV4_FLAGS_FRAG(ip) NTOHS((ip).word0 >> 48)
#define IPV4_TTL(ip) ((ip).word1 & 0xff)
#define IPV4_PROTOCOL(ip) ((ip).word1 >> 8 & 0xff)
#define IPV4_SRC(ip) ((ip).word1 >> 32)
#define IPV4_MAX_LEN 65535
#define IPV4_DF 0x4000
#define IPV4_MF_AND_OFFSET 0x3fff

/* RFC 8200 §3: version_class_flow u32, payload_len u16, next_header u8, hop_limit u8 | src | dst */
struct ipv6 {
	u64 word0;
	u64 src[2];
	u64 dst[2];
};
#define IPV6_LEN 40
#define IPV6_VERSION(ip) ((ip)->word0 >> 4 & 0xf)
#define IPV6_CLASS(ip) (((ip)->word0 << 4 & 0xf0) | ((ip)->word0 >> 12 & 0xf))
#define IPV6_PAYLOAD_LEN(ip) NTOHS((ip)->word0 >> 32)
#define IPV6_NEXT_HEADER(ip) ((ip)->word0 >> 48 & 0xff)
#define IPV6_HOP_LIMIT(ip) ((ip)->word0 >> 56)
_Static_assert(sizeof(struct ipv6) == IPV6_LEN, "struct ipv6");

#define TCP_LEN 20
#define TCP_DATA_OFFSET 12
#define TCP_CHECKSUM 16
#define UDP_LEN 8
#define UDP_CHECKSUM 6
#define ICMP_LEN 8
#define ICMP_CHECKSUM 2
#define ICMP_REST 4

/* RFC 1071: sums in one's complement, of words as the machine has them. A 64-bit word is the sum of its halves. */
INLINE u64 halves(u64 word)
{
	return (word & 0xffffffff) + (word >> 32);
}

/* 32 bits, carries added. sum: of less than 2^31 words of 32 bits */
INLINE u64 fold32(u64 sum)
{
	return halves(halves(sum));
}

/* 16 bits, carries added. */
INLINE u64 fold16(u64 sum)
{
	sum = fold32(sum);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* What `sum` takes away when it is added; of 32 bits. */
INLINE u64 minus(u64 sum)
{
	return ~fold32(sum) & 0xffffffff;
}

/* The sum over an IPv4 header without options. */
INLINE u64 sum_ipv4(const struct ipv4 *ip)
{
	return fold16(halves(ip->word0) + halves(ip->word1) + ip->dst);
}
