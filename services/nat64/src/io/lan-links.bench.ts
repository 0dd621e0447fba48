/**
 * Nanoseconds that the gateway needs for a datagram of 64 octets between LAN and uplink, beside other ways. As root.
 *
 *   packet socket ─▶ host-lan0 ══ lan0 ──(one of the ways)──▶ wan0 ══ host-wan0, and back
 *
 * One process, one processor: what a send costs by itself (to an address that nobody has) is taken off. The best of many
 * short rounds counts, since another program on the processor only ever makes them longer; the ways take turns.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { asIp4 } from '@sixgate/addr'
import { link, replaceBpfFilter, setAddrGenMode, setLinkMtu, setLinkUp } from '@sixgate/host'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { fastPathPlan } from '../core/fast-path-plan.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { addressMapConfig, HOST_A, hostsOf, PLAIN, PREF64, SERVER } from '../testkit/core-lab.ts'
import { data, ip6, type Octets, udp } from '../testkit/packet-builder.ts'
import { PacketSocket } from '../testkit/packet-socket.ts'
import { toHost4, toServer6 } from '../testkit/vectors/vector.ts'
import { Generation } from './bpf-generation.ts'
import { readBpfObject, readLanObjects } from './bpf-object.ts'
import { OBJECT_FILE } from './fast-path.ts'
import { LanLinks } from './lan-links.ts'
import { attachTun } from './tun.ts'

const ROUNDS = Number(process.argv[2] ?? 60)
const PACKETS = 1000
const SERVER6 = '2001:db8:5::33'
const UPPER = udp({ data: data(64) })
const RULES =
  'table inet bench { chain forward { type filter hook forward priority 0; policy drop; ct state established accept; ct state new accept; }; }'

const macOf = (name: string): Octets => [...(link(name)?.address ?? assert.fail(name))]
const frame = (to: Octets, from: string, type: number, packet: Octets): Uint8Array =>
  Uint8Array.from([...PLAIN, ...to, ...macOf(from), type >>> 8, type & 255, ...packet])

type Link = 'lan0' | 'wan0'

/** Frames of a datagram, offload header first. */
interface Direction {
  readonly name: string
  /** Where it comes in, and where it leaves. */
  readonly links: readonly [Link, Link]
  readonly nobody: Uint8Array
  readonly plain: Uint8Array
  readonly translated: Uint8Array
}

interface Way {
  readonly name: string
  readonly kind: 'nobody' | 'plain' | 'translated'
  readonly isAtLan: boolean
}

const WAYS: readonly Way[] = [
  { name: 'nobody', kind: 'nobody', isAtLan: false },
  { name: 'plain IPv6 forwarding', kind: 'plain', isAtLan: false },
  { name: 'by the TUN alone', kind: 'translated', isAtLan: false },
  { name: 'the short way', kind: 'translated', isAtLan: true },
]

const main = (): void => {
  const skip = enterNamespace()
  if (skip !== false) throw new Error(skip)
  const here = Namespace.here()
  attachTun('nat64')
  setAddrGenMode('nat64', 'none')
  setLinkMtu('nat64', 1500)
  setLinkUp('nat64', true)
  for (const name of ['lan0', 'wan0']) {
    here.ip(`link add ${name} type veth peer name host-${name}`)
    for (const end of [name, `host-${name}`]) here.ip(`link set ${end} addrgenmode none up`)
  }
  here.sysctl('ipv6/conf/all/forwarding', 1)
  here.sysctl('ipv4/ip_forward', 1)
  for (const route of [`${PREF64} dev nat64`, '2001:db8:5::/64 dev wan0', '2001:db8:1::/64 dev lan0'])
    here.ip(`-6 route add ${route}`)
  for (const route of ['198.18.0.0/24 dev nat64', '192.0.2.0/24 dev wan0']) here.ip(`route add ${route}`)
  const someone = '02:00:5e:00:53:99'
  for (const [address, dev] of [
    [SERVER, 'wan0'],
    [SERVER6, 'wan0'],
    [HOST_A.ip6, 'lan0'],
  ] as const)
    here.ip(`neighbour add ${address} lladdr ${someone} dev ${dev} nud permanent`)

  const plan = fastPathPlan(addressMapConfig({}), DEFAULT_SETTINGS, 1500)
  const file = readFileSync(OBJECT_FILE)
  const generation = new Generation(readBpfObject(file, 'tc'), plan, 16, { lan: readLanObjects(file) })
  for (const { ip6: host, ip4, pref } of hostsOf({})) generation.install({ ip6: host, ip4: asIp4(ip4), pref })
  const tun = link('nat64')?.index ?? assert.fail()
  replaceBpfFilter({ ifindex: tun, hook: 'egress', preference: 1 }, generation.programFd, 'bench')
  const lans = new LanLinks(silent)
  const programs = generation.lan ?? assert.fail()
  const sockets = { lan0: new PacketSocket('host-lan0'), wan0: new PacketSocket('host-wan0') }
  const [from, to] = ['lan0', 'wan0'].map(
    (name) =>
      (type: number, packet: Octets, mac = macOf(name)) =>
        frame(mac, `host-${name}`, type, packet),
  )
  if (from === undefined || to === undefined) assert.fail()
  const [question, answer] = [toServer6(UPPER), toHost4(udp({ src: 53, dst: 40_000, data: data(64) }))]
  const nobody = [2, 0, 0, 0, 0, 9]
  const directions: readonly Direction[] = [
    {
      name: 'from the LAN',
      links: ['lan0', 'wan0'],
      nobody: from(0x86dd, question, nobody),
      plain: from(0x86dd, ip6({ src: HOST_A.ip6, dst: SERVER6 }, UPPER)),
      translated: from(0x86dd, question),
    },
    {
      name: 'to the LAN',
      links: ['wan0', 'lan0'],
      nobody: to(0x0800, answer, nobody),
      plain: to(0x86dd, ip6({ src: SERVER6, dst: HOST_A.ip6 }, UPPER)),
      translated: to(0x0800, answer),
    },
  ]
  const sentTo = (name: string): number =>
    Number(new RegExp(` ${name}:(?:\\s+\\d+){9}\\s+(\\d+)`).exec(readFileSync('/proc/self/net/dev', 'utf8'))?.[1])
  const time = ({ links, ...frames }: Direction, { kind, isAtLan }: Way): number => {
    const [in_, out] = links
    if (isAtLan) {
      generation.setTun(tun)
      lans.attach(programs, ['lan0'])
      // The flow gets known, and delivered.
      sockets.lan0.send(directions[0]?.translated ?? assert.fail())
      sockets.wan0.send(directions[1]?.translated ?? assert.fail())
    } else {
      lans.detachExcept([])
      generation.setTun(0)
    }
    const before = sentTo(out)
    const started = performance.now()
    for (let count = 0; count < PACKETS; count++) sockets[in_].send(frames[kind])
    const ns = ((performance.now() - started) * 1e6) / PACKETS
    const arrived = sentTo(out) - before
    assert.ok(kind === 'nobody' ? arrived < 10 : arrived >= PACKETS, `${kind}: ${arrived} arrived`)
    return ns
  }
  for (const rules of [false, true]) {
    if (rules) here.sh('nft', RULES)
    for (const direction of directions) {
      const best = WAYS.map(() => Number.POSITIVE_INFINITY)
      for (let round = 0; round < ROUNDS; round++)
        for (const [index, way] of WAYS.entries())
          best[index] = Math.min(best[index] ?? Number.POSITIVE_INFINITY, time(direction, way))
      const [alone = 0, plain = 0] = best
      process.stdout.write(`${direction.name}, ${rules ? 'with conntrack and two rules' : 'without rules'}\n`)
      for (const [index, { name }] of WAYS.entries()) {
        const ns = best[index] ?? 0
        const words =
          index === 0
            ? `${Math.round(ns)} ns (the send alone)`
            : `${Math.round(ns - alone)} ns, ${((ns - alone) / (plain - alone)).toFixed(2)} × plain`
        process.stdout.write(`  ${name.padEnd(24)} ${words}\n`)
      }
    }
  }
  process.exit(0)
}

main()
