import assert from 'node:assert/strict'
import type { Stack } from '../harness/stack.ts'
import {
  CORE_ADDRESS,
  DNS_ADDRESS,
  ISP_ADDRESS,
  SPEED_ADDRESS,
  WAN_ADDRESS,
  WEB_ADDRESSES,
} from '../topologies/home.ts'
import { dualStack } from './dual-stack.ts'
import { canonical, inPrefix, LAN_PREFIX, mapped, PREF64, ROUTER } from './facts.ts'
import { addresses, hops, iperfReceiver, pingCounts, pingPeer, recordData, tally } from './parse.ts'
import type { Chapter, Step } from './step.ts'

const WEB = WEB_ADDRESSES[0]
const MAPPED_WEB = WEB_ADDRESSES.map(mapped).toSorted()

const configured: Chapter = {
  title: 'The client gets everything from the Router Advertisement',
  steps: [
    {
      at: 'client',
      why: 'The client has no IPv4 address: IPv6 is all it speaks.',
      line: 'ip -4 address show dev eth0',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        assert.deepEqual(addresses(output), [])
        return 'no IPv4 address on its link'
      },
    },
    {
      at: 'client',
      why: 'Its kernel made an address from the prefix that the Pi announces (SLAAC).',
      line: 'ip -6 address show dev eth0 scope global',
      check: ({ output }) => {
        const found = addresses(output).filter((entry) => inPrefix(entry.address, LAN_PREFIX))
        assert.ok(found.length > 0, `an address in ${LAN_PREFIX}`)
        for (const entry of found) assert.match(entry.flags, /dynamic/, 'dynamic: from an RA, with lifetimes')
        return `${found[0]?.address} is in ${LAN_PREFIX} and came from an RA ("dynamic")`
      },
    },
    {
      at: 'client',
      why: 'Its default route is the Pi, also from the RA.',
      line: 'ip -6 route show default',
      check: ({ output }) => {
        assert.match(output, /^default via fe80::\S+ dev eth0 proto ra /m)
        return 'the default route was learned by "proto ra"'
      },
    },
    {
      at: 'client',
      why: 'Its name server too: rdnssd wrote this file from the RDNSS option.',
      line: 'cat /etc/resolv.conf',
      check: ({ output }) => {
        const servers = [...output.matchAll(/^nameserver (\S+)$/gm)].map((match) => canonical(match[1] ?? ''))
        assert.deepEqual(servers, [ROUTER])
        return `one name server: the Pi, ${ROUTER}`
      },
    },
    {
      at: 'client',
      why: 'The Router Advertisement itself, asked for with a Router Solicitation.',
      line: 'rdisc6 -1 eth0',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        assert.match(output, new RegExp(`^ Prefix\\s+: ${LAN_PREFIX}$`, 'm'))
        assert.match(output, /^ {2}On-link\s+: +Yes$/m)
        assert.match(output, /^ {2}Autonomous address conf\.: +Yes$/m)
        assert.match(output, new RegExp(`^ Recursive DNS server\\s+: ${ROUTER}$`, 'm'))
        assert.match(output, /^ MTU\s+: +1500 bytes/m)
        // This rdisc6 prints stack garbage behind the 96 bits that the option carries, e.g. 64:ff9b::d77f:0/96.
        assert.match(output, /^ NAT64 prefix\s+: 64:ff9b::\S*\/96$/m)
        return 'prefix, DNS server, MTU and NAT64 prefix (PREF64, RFC 8781) in one message; rdisc6 prints garbage behind the 96 bits of the last'
      },
    },
  ],
}

const named: Chapter = {
  title: 'Names: every IPv4 address gets an IPv6 twin',
  steps: [
    {
      at: 'client',
      why: 'www.example exists on IPv4 only, with three addresses.',
      line: 'dig +noall +answer www.example A',
      check: ({ output }) => {
        assert.deepEqual(recordData(output, 'A'), [...WEB_ADDRESSES])
        return 'the three A records, as the internet has them'
      },
    },
    {
      at: 'client',
      why: 'Asked for IPv6, DNS64 makes one AAAA of each A: the prefix 64:ff9b::/96, then the 32 bits of the IPv4 address.',
      line: 'dig +noall +answer www.example AAAA',
      check: ({ output }) => {
        assert.deepEqual(recordData(output, 'AAAA'), MAPPED_WEB)
        return `three AAAA records in ${PREF64}, one for each A (${WEB} is ${mapped(WEB)})`
      },
    },
    {
      at: 'client',
      why: 'An alias is followed.',
      line: 'dig +noall +answer alias.example AAAA',
      check: ({ output }) => {
        assert.deepEqual(recordData(output, 'CNAME'), ['www.example.'])
        assert.deepEqual(recordData(output, 'AAAA'), MAPPED_WEB)
        return 'the CNAME, and the three AAAA records of the name behind it'
      },
    },
    {
      at: 'client',
      why: 'And backwards: the name of a mapped address.',
      line: `dig +noall +answer -x ${mapped(WEB)}`,
      check: ({ output }) => {
        assert.deepEqual(recordData(output, 'PTR'), ['www.example.'])
        return 'the PTR record of the IPv4 address inside'
      },
    },
    {
      at: 'client',
      why: 'An answer of more than 2 KB is truncated over UDP; dig comes back over TCP.',
      line: 'dig +noall +answer +stats big.example TXT | cut -c 1-60',
      check: ({ output }) => {
        assert.equal(recordData(output, 'TXT').length, 12)
        assert.match(output, /^;; SERVER: .*\(TCP\)/m)
        return 'all 12 records, over TCP'
      },
    },
  ],
}

const reached: Chapter = {
  title: 'Traffic: ping, web, TCP both ways, UDP, the path',
  steps: [
    {
      at: 'client',
      why: 'An IPv4 address typed with the prefix in front.',
      line: `ping6 -n -c 3 -i 0.2 ${mapped(WEB)}`,
      check: ({ code, output }) => {
        assert.equal(code, 0)
        assert.deepEqual(pingCounts(output), { sent: 3, received: 3 })
        assert.equal(pingPeer(output), mapped(WEB))
        return 'an IPv4-only server answers an IPv6-only client'
      },
    },
    {
      at: 'client',
      why: 'The same by name.',
      line: 'ping6 -n -c 3 -i 0.2 www.example',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        assert.deepEqual(pingCounts(output), { sent: 3, received: 3 })
        assert.ok(MAPPED_WEB.includes(pingPeer(output) ?? ''), 'a mapped address answers')
        return 'no reply lost'
      },
    },
    {
      at: 'client',
      why: 'A web page by name. It says which address the server saw.',
      line: 'curl -s http://www.example/',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        assert.match(output, new RegExp(`^Hello ${WAN_ADDRESS.replaceAll('.', '\\.')}, this is www\\.example on IPv4`))
        return `the server talked to ${WAN_ADDRESS}, the Pi's only IPv4 address`
      },
    },
    {
      at: 'client',
      why: 'TCP, client to server.',
      line: 'iperf3 -i 0 -t 2 -c speed.example',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        return `${throughput(output)} up`
      },
    },
    {
      at: 'client',
      why: 'TCP, server to client.',
      line: 'iperf3 -i 0 -t 2 -R -c speed.example',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        return `${throughput(output)} down`
      },
    },
    {
      at: 'client',
      why: 'UDP: one datagram there and back.',
      line: 'echo "a datagram" | socat -t 2 - UDP6:echo.example:7',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        assert.equal(output, 'a datagram\n')
        return 'the echo came back unchanged'
      },
    },
    {
      at: 'client',
      why: 'UDP: a stream of 10 Mbit/s.',
      line: 'iperf3 -i 0 -t 2 -u -b 10M -c speed.example',
      check: ({ code, output }) => {
        assert.equal(code, 0)
        const { lost = Number.NaN, total = 0 } = iperfReceiver(output) ?? {}
        assert.ok(total > 1000, 'more than 1000 datagrams')
        assert.ok(lost <= total / 100, 'at most 1 % lost')
        return `${total - lost} of ${total} datagrams arrived`
      },
    },
    {
      at: 'client',
      why: 'The path: routers on the IPv4 side appear with the prefix in front.',
      line: `traceroute -n -q 1 -w 2 ${mapped(WEB)}`,
      check: ({ code, output }) => {
        assert.equal(code, 0)
        const path = hops(output)
        const [isp, core, web] = [ISP_ADDRESS, CORE_ADDRESS, WEB].map((hop) => path.indexOf(mapped(hop)))
        assert.ok(isp !== undefined && core !== undefined && web !== undefined)
        assert.ok(isp > 0 && core === isp + 1 && web === core + 1 && web === path.length - 1, 'provider, core, server')
        // The Pi is a hop on the LAN, the translator, and a hop on the WAN: it has one name for all of them.
        assert.deepEqual(new Set(path.slice(0, isp)), new Set([ROUTER]), 'before the provider only the Pi')
        return 'the Pi, then both IPv4 routers, then the server'
      },
    },
  ],
}

/** Counts the peers in a log at the servers; every one has to be the Pi. */
function onlyPi(why: string, line: string): Step {
  return {
    at: 'internet',
    why,
    line,
    check: ({ output }) => {
      assert.deepEqual([...tally(output).keys()], [WAN_ADDRESS])
      return `only ${WAN_ADDRESS}`
    },
  }
}

const hidden: Chapter = {
  title: 'Seen from the internet there is one IPv4 address',
  steps: [
    onlyPi('Who did the web server talk to?', 'cut -d " " -f 1 /var/log/internet/web.log | sort | uniq -c'),
    onlyPi(
      `Who asked the DNS server (${DNS_ADDRESS})?`,
      'grep -oP "client @\\S+ \\K[\\d.]+" /var/log/internet/dns.log | sort | uniq -c',
    ),
    onlyPi(
      `Who measured with iperf3 (${SPEED_ADDRESS})?`,
      'grep -oP "connection from \\K[\\d.]+" /var/log/internet/iperf3.log | sort | uniq -c',
    ),
  ],
}

function throughput(output: string): string {
  const rate = iperfReceiver(output)?.mbitPerS ?? 0
  assert.ok(rate > 1, 'the receiver got more than 1 Mbit/s')
  return `${Math.round(rate)} Mbit/s`
}

/** The transcript: the acceptance of "the site comes up", in the order in which a newcomer would try it. */
export const transcript = (stack: Stack): readonly Chapter[] => [configured, named, dualStack(stack), reached, hidden]
