/**
 * For tests: a table beside ours that counts packets right before and right behind each of our chains. A rule's own counter
 * says that a packet came to it; only what stands behind says whether it went on.
 */
import assert from 'node:assert/strict'
import type { Namespace } from '@sixgate/testkit'
import type { Ruleset } from '../core/nft.ts'
import type { Frame, Icmp6, Probe, Raw6 } from './packet-agent.ts'

const TABLE = 'inet checkpoints'

/** One packet, whole or as its sender makes it; or whatever nft tells by `match`. */
export type Packet =
  | { readonly match: string }
  | { readonly probe: Probe & { readonly sourcePort: number } }
  | { readonly icmp6: Icmp6 }
  | { readonly raw6: Raw6 }
  | { readonly frame: Frame }

const ICMP6_FIXED_LEN_BYTES = 4

/** By what stands in the header: a kernel's own chatter has other lengths. */
const matchOfHeader = (hex: string): string => {
  const header = Buffer.from(hex, 'hex')
  if (hex.startsWith('4')) {
    const [from, to] = [header.subarray(12, 16).join('.'), header.subarray(16, 20).join('.')]
    return `ip saddr ${from} ip daddr ${to} ip protocol ${header.readUInt8(9)} ip length ${header.readUInt16BE(2)}`
  }
  const address = (at: number): string =>
    (header.toString('hex', at, at + 16).match(/.{4}/g) ?? assert.fail('a short header')).join(':')
  const length = `ip6 nexthdr ${header.readUInt8(6)} ip6 length ${header.readUInt16BE(4)}`
  return `ip6 saddr ${address(8)} ip6 daddr ${address(24)} ${length}`
}

/** What nft tells the packet by, whatever NAT makes of its addresses: a port that nobody else sends from, where it has one. */
const matchOf = (packet: Packet): string => {
  if ('match' in packet) return packet.match
  if ('probe' in packet) return `meta l4proto ${packet.probe.protocol} th sport ${packet.probe.sourcePort}`
  if ('raw6' in packet) return matchOfHeader(packet.raw6.packet)
  if ('frame' in packet) return matchOfHeader(packet.frame.packet)
  const { source, destination, type, body } = packet.icmp6
  const lenBytes = ICMP6_FIXED_LEN_BYTES + body.length / 2
  return `icmpv6 type ${type} ip6 saddr ${source} ip6 daddr ${destination} ip6 length ${lenBytes}`
}

/** The chains with a hook from which a rule is reached. */
const hooksOf = ({ chains }: Ruleset, rule: string): readonly string[] => {
  const climb = (name: string): readonly string[] =>
    chains.flatMap((chain) => {
      if (chain.name === name && chain.base !== undefined) return [name]
      const leads = chain.rules.some(({ verdict }) => JSON.stringify(verdict).includes(`"target":"${name}"`))
      return leads ? climb(chain.name) : []
    })
  const home =
    chains.find(({ rules }) => rules.some(({ id }) => id === rule)) ?? assert.fail(`there is no rule ${rule}`)
  return [...new Set(climb(home.name))]
}

/** How often a packet came to the chains from which some rule is reached, and how often it went on behind them. */
export interface Fate {
  readonly came: number
  readonly wentOn: number
}

/** In the gateway's namespace, from now on until the next ones. */
export class Checkpoints {
  readonly #gateway: Namespace
  readonly #ruleset: Ruleset

  constructor(gateway: Namespace, ruleset: Ruleset, packet: Packet) {
    this.#gateway = gateway
    this.#ruleset = ruleset
    const chains = ruleset.chains.flatMap(({ name, base }) =>
      base === undefined
        ? []
        : [-1, 1].map((side) => {
            const point = `${side < 0 ? 'before' : 'behind'}_${name}`
            const hook = `type filter hook ${base.hook} priority ${base.prio + side};`
            return `counter ${point} { }\nchain ${point} { ${hook} ${matchOf(packet)} counter name ${point}; }`
          }),
    )
    gateway.sh('nft', `table ${TABLE}\ndelete table ${TABLE}\ntable ${TABLE} {\n${chains.join('\n')}\n}`)
  }

  fate(rule: string): Fate {
    const sum = (side: string): number => {
      const text = this.#gateway.sh('nft', '-j', 'list', 'counters', 'table', ...TABLE.split(' '))
      const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] }
      return hooksOf(this.#ruleset, rule)
        .map((chain) => nftables.find(({ counter }) => counter?.name === `${side}_${chain}`)?.counter?.packets ?? 0)
        .reduce((total, packets) => total + packets, 0)
    }
    // In this order: a packet that passes meanwhile has come, rather than gone on without having come.
    const wentOn = sum('behind')
    return { came: sum('before'), wentOn }
  }
}
