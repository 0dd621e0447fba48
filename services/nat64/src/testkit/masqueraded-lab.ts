/**
 * GatewayLab with the last step as nat44-firewall makes it: the pool hides behind the uplink's address, nothing comes in
 * unasked, and the kernel's conntrack helpers look into FTP and SIP.
 *
 *   client             gateway                                                server
 *   fd00:6:4::10 ─lan0─ fd00:6:4::1 ─TUN nat64─ pool ─masquerade─ 203.0.113.1 ─wan0─ 203.0.113.2
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayLab, labSite } from './gateway-lab.ts'

const RULES = `table inet sixgate {
  ct helper ftp4 { type "ftp" protocol tcp; l3proto ip; }
  ct helper ftp6 { type "ftp" protocol tcp; l3proto ip6; }
  ct helper sip4-udp { type "sip" protocol udp; l3proto ip; }
  ct helper sip6-udp { type "sip" protocol udp; l3proto ip6; }
  ct helper sip6-tcp { type "sip" protocol tcp; l3proto ip6; }
  chain helpers {
    type filter hook prerouting priority filter;
    iifname "nat64" meta nfproto ipv4 tcp dport 21 ct helper set "ftp4"
    iifname "lan0" meta nfproto ipv6 tcp dport 21 ct helper set "ftp6"
    iifname "nat64" meta nfproto ipv4 udp dport 5060 ct helper set "sip4-udp"
    iifname "lan0" meta nfproto ipv6 udp dport 5060 ct helper set "sip6-udp"
    iifname "lan0" meta nfproto ipv6 tcp dport 5060 ct helper set "sip6-tcp"
  }
  chain mss {
    type filter hook forward priority mangle;
    tcp flags syn / syn,rst oifname "nat64" tcp option maxseg size set 1440
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan0" oifname "nat64" accept
    iifname "nat64" oifname "wan0" accept
  }
  chain nat {
    type nat hook postrouting priority srcnat;
    oifname "wan0" ip saddr 198.18.0.0/15 masquerade
  }
}
`

/** A gateway that masquerades. */
export const makeMasqueradedLab = async (more = ''): Promise<GatewayLab> => {
  const lab = await GatewayLab.make(labSite({ more }))
  lab.server.ip('route delete 198.18.0.0/15')
  const file = join(lab.stateDir, 'rules.nft')
  writeFileSync(file, RULES)
  lab.gateway.sh('nft', '-f', file)
  return lab
}
