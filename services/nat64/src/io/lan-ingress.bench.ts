/**
 * Nanoseconds that the gateway needs for a datagram of 64 octets from the LAN to the uplink, beside other ways. As root.
 *
 *   packet socket ─▶ host-lan0 ══ lan0 ──(one of the ways)──▶ wan0 ══ host-wan0
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
import { readBpfObject } from './bpf-object.ts'
import { OBJECT_FILE } from './fast-path.ts'
import { LanIngress } from './lan-ingress.ts'
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
  const [tc, lan] = (['tc', 'lan'] as const).map((name) => readBpfObject(readFileSync(OBJECT_FILE), name))
  const generation = new Generation(tc ?? assert.fail(), plan, 16, { lan })
  for (const { ip6: host, ip4, pref } of hostsOf({})) generation.install({ ip6: host, ip4: asIp4(ip4), pref })
  const tun = link('nat64')?.index ?? assert.fail()
  replaceBpfFilter({ ifindex: tun, hook: 'egress', preference: 1 }, generation.programFd, 'bench')
  const ingress = new LanIngress(silent)
  const [fromLan, fromWan] = [new PacketSocket('host-lan0'), new PacketSocket('host-wan0')]
  const translated = frame(macOf('lan0'), 'host-lan0', 0x86dd, toServer6(UPPER))
  const answer = frame(macOf('wan0'), 'host-wan0', 0x0800, toHost4(udp({ src: 53, dst: 40_000 })))
  const ways: readonly { name: string; frame: Uint8Array; isAtLan: boolean; arrives: boolean }[] = [
    {
      name: 'nobody',
      frame: frame([2, 0, 0, 0, 0, 9], 'host-lan0', 0x86dd, toServer6(UPPER)),
      isAtLan: false,
      arrives: false,
    },
    {
      name: 'plain IPv6 forwarding',
      frame: frame(macOf('lan0'), 'host-lan0', 0x86dd, ip6({ src: HOST_A.ip6, dst: SERVER6 }, UPPER)),
      isAtLan: false,
      arrives: true,
    },
    { name: "at the TUN's egress", frame: translated, isAtLan: false, arrives: true },
    { name: "at the LAN's ingress", frame: translated, isAtLan: true, arrives: true },
  ]
  const sentToWan = (): number =>
    Number(readFileSync(`/proc/self/net/dev`, 'utf8').match(/ wan0:(?:\s+\d+){9}\s+(\d+)/)?.[1])
  const time = (way: (typeof ways)[number]): number => {
    if (way.isAtLan) {
      generation.setTun(tun)
      ingress.attach(generation, ['lan0'])
      fromLan.send(way.frame)
      fromWan.send(answer)
    } else {
      ingress.detachExcept([])
      generation.setTun(0)
    }
    const before = sentToWan()
    const started = performance.now()
    for (let count = 0; count < PACKETS; count++) fromLan.send(way.frame)
    const ns = ((performance.now() - started) * 1e6) / PACKETS
    const arrived = sentToWan() - before
    assert.ok(way.arrives ? arrived >= PACKETS : arrived < 10, `${way.name}: ${arrived} arrived`)
    return ns
  }
  for (const rules of [false, true]) {
    if (rules) here.sh('nft', RULES)
    const best = new Map<string, number>()
    for (let round = 0; round < ROUNDS; round++)
      for (const way of ways) best.set(way.name, Math.min(best.get(way.name) ?? Number.POSITIVE_INFINITY, time(way)))
    const alone = best.get('nobody') ?? 0
    const plain = (best.get('plain IPv6 forwarding') ?? 0) - alone
    process.stdout.write(`${rules ? 'with conntrack and two rules' : 'without rules'}\n`)
    for (const [name, ns] of best)
      process.stdout.write(
        `  ${name.padEnd(24)} ${Math.round(name === 'nobody' ? ns : ns - alone)} ns${name === 'nobody' ? ' (the send alone)' : `, ${((ns - alone) / plain).toFixed(2)} × plain`}\n`,
      )
  }
  process.exit(0)
}

main()
