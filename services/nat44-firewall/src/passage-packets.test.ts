/** Rules that packets pass on their way to the ones that decide: each with real packets too. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { ICMP6 } from './core/icmp6.ts'
import { buildRuleset } from './core/ruleset.ts'
import { PacketLab, type Single } from './testkit/packet-lab.ts'
import { HOST, icmp6, MAPPED_SERVER, POOL_HOST, ROUTER, SERVER, tcp, udp, UPLINK, type Who } from './testkit/packets.ts'
import { testFacts, testSite } from './testkit/scenarios.ts'

const skip = enterNamespace()
let net: PacketLab
before(async () => {
  if (skip === false) net = await PacketLab.open()
})
after(async () => {
  await net?.close()
})

const RULES = buildRuleset(
  testSite({ nat64: { alg: { sip: 'on' } }, firewall: { inbound: [{ protocol: 'tcp', port: 8080 }] } }),
  testFacts(),
)

/** RFC 791 §3.1, of an even number of octets as hex. */
const checksum = (hex: string): string => {
  const words = (hex.match(/.{4}/g) ?? []).map((word) => Number.parseInt(word, 16))
  let sum = words.reduce((total, word) => total + word, 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return (~sum & 0xffff).toString(16).padStart(4, '0')
}

/** IPv4 header and what it carries, as hex digits. */
const ip4Packet = (protocol: string, source: string, destination: string, payload: string): string => {
  const lenBytes = (20 + payload.length / 2).toString(16).padStart(4, '0')
  const header = (sum: string): string => `4500${lenBytes}0000000040${protocol}${sum}${source}${destination}`
  return `${header(checksum(header('0000')))}${payload}`
}

/** Without source, to all nodes, 24 octets of ICMPv6. */
const SOLICITATION_HEADER = `6000000000183aff${'0'.repeat(32)}ff020000000000000000000000000001`

/** What is sent, and the rules that count it. */
const PASSAGES: readonly (readonly [what: string, send: () => Promise<unknown> | void, rules: readonly string[]])[] = [
  [
    'a TCP flow of the LAN to the translator and back',
    async () => assert.equal(await net.host.ask(tcp(MAPPED_SERVER, 7777, HOST)), `answer ${HOST}`),
    [
      'arrivals-lan',
      'arrivals-nat64',
      'nat64-source6',
      'forward-lan-paths',
      'lan-own-source',
      'forward-lan-sources',
      'mss-syn',
      'mss-out',
      'mss-in',
      'departures-lan',
      'departures-nat64',
    ],
  ],
  [
    'a TCP flow of the translator to the IPv4 world and back',
    async () => assert.equal(await net.translator.ask(tcp(SERVER, 7777, POOL_HOST)), `answer ${UPLINK}`),
    ['nat64-source4', 'mss-translated-out', 'mss-translated-in'],
  ],
  [
    'the gateway to itself',
    async () => assert.equal(await net.gateway.ask(tcp('127.0.0.1', 9999)), 'answer 127.0.0.1'),
    ['arrivals-lo', 'departures-lo', 'other-input'],
  ],
  [
    'the LAN to a service of the gateway',
    async () => assert.equal(await net.host.ask(udp(ROUTER, 53, HOST)), `answer ${HOST}`),
    ['input-lan-paths', 'input-lan-sources'],
  ],
  [
    'the uplink to an open port of the gateway',
    async () => assert.equal(await net.internet.ask(tcp(UPLINK, 8080)), 'answer 203.0.113.1'),
    ['wan-accepted'],
  ],
  [
    'control channels of FTP',
    () => {
      net.host.fire(tcp(MAPPED_SERVER, 21, HOST))
      net.translator.fire(tcp(SERVER, 21, POOL_HOST))
    },
    ['helper-ftp-tcp-lan', 'helper-ftp-tcp-nat64'],
  ],
  [
    'control channels of SIP',
    () => {
      for (const probe of [udp, tcp]) {
        net.host.fire(probe(MAPPED_SERVER, 5060, HOST))
        net.translator.fire(probe(SERVER, 5060, POOL_HOST))
      }
    },
    // On the IPv4 leg SIP over TCP has none: the translator does its work.
    ['helper-sip-udp-lan', 'helper-sip-udp-nat64', 'helper-sip-tcp-lan'],
  ],
]

for (const [what, send, rules] of PASSAGES)
  test(`${what}: ${rules.join(', ')}`, { skip }, async () => {
    await net.load(RULES)
    await send()
    for (const rule of rules) await net.counted(rule, 0)
  })

/** One packet, and the rule that lets it on. */
const SINGLES: readonly (readonly [what: string, from: Who, packet: Single, rule: string])[] = [
  [
    'an ICMPv6 error of the translator by an address of its own',
    'translator',
    { icmp6: icmp6(ICMP6.PACKET_TOO_BIG, { source: '2001:db8:dead::2', destination: HOST }) },
    'nat64-error6',
  ],
  [
    'an ICMP error of the translator by an address of its own (RFC 6791)',
    'translator',
    { frame: { link: 'eth0', packet: ip4Packet('01', '0a090909', 'cb007101', '0b00000000000000') } },
    'nat64-error4',
  ],
  [
    'a DHCP answer on the uplink by whatever address',
    'internet',
    { probe: { ...udp(UPLINK, 68, '172.17.0.9'), sourcePort: 67 } },
    'wan-dhcp-arrival',
  ],
  [
    'a packet without source on the uplink, IPv4',
    'internet',
    { frame: { link: 'eth0', packet: ip4Packet('11', '00000000', 'ffffffff', '0044004300080000') } },
    'wan-unspecified4',
  ],
  [
    'duplicate address detection on the uplink (RFC 4862 §5.4)',
    'internet',
    { frame: { link: 'eth0', packet: `${SOLICITATION_HEADER}8700000000000000fe800000000000000000000000000099` } },
    'wan-unspecified6',
  ],
  [
    'a neighbour of the LAN by its link-local address',
    'host',
    { icmp6: icmp6(ICMP6.NEIGHBOR_SOLICITATION) },
    'lan-unplaced',
  ],
  [
    'duplicate address detection on the LAN (RFC 4862 §5.4)',
    'host',
    { frame: { link: 'eth0', packet: `${SOLICITATION_HEADER}8700000000000000fe800000000000000000000000000099` } },
    'lan-unplaced',
  ],
  [
    "Docker's bridge to the uplink, IPv6",
    'other',
    { probe: udp('2001:20::1', 7777, 'fd00:d0c::2') },
    'other-from-docker-ipv6',
  ],
  [
    'a LAN host to another one by way of the gateway',
    'host',
    { probe: udp('fd00:1:2:3::77', 7777, HOST) },
    'lan-to-lan',
  ],
]

for (const [what, from, packet, rule] of SINGLES)
  test(`${what}: accepted by ${rule}`, { skip }, async () => {
    net.host.namespace.ip('-6 route replace fd00:1:2:3::77/128 via fe80::1 dev eth0')
    await net.send(RULES, from, packet)
    await net.passedBy(rule)
  })
