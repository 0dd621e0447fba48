/* Ports whose payload carries addresses (FTP, SIP): their packets are TypeScript's. */
#pragma once
#include "ip.h"
#include "maps.h"

/* `at`: TCP or UDP, of which UDP_LEN octets are there. */
INLINE int is_alg_port(const struct config *config, const u8 *at, u8 protocol)
{
	u16 src = NTOHS(((const u16 *)at)[0]);
	u16 dst = NTOHS(((const u16 *)at)[1]);

	if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
		return 0;
	return (config->alg_ports[src >> 5] >> (src & 31) | config->alg_ports[dst >> 5] >> (dst & 31)) & 1;
}
