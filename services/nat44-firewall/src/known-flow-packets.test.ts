/** Packets that claim to belong to a known flow and come from where that flow cannot: real packets, by forged sources. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { buildRuleset } from './core/ruleset.ts'
import { PacketLab } from './testkit/packet-lab.ts'
import {
  HOST,
  HOST_GLOBAL,
  MAPPED_SERVER,
  POOL_HOST,
  SERVER,
  SERVER6,
  tcp,
  UPLINK,
  UPLINK6,
  type Who,
} from './testkit/packets.ts'
import type { Probe } from './testkit/packet-agent.ts'
import { testFacts, testSite } from './testkit/scenarios.ts'

const skip = enterNamespace()
const FLOW_PORT = 4720
/** Of servers that are not at the liars' places: who lies sends from one, and once only from each. */
const PORTS = { A: 4953, B: 4954, C: 4955, D: 4956 } as const
let net: PacketLab
before(async () => {
  if (skip !== false) return
  net = await PacketLab.open()
  for (const port of Object.values(PORTS)) net.internet.serve(port)
  net.translator.serve(PORTS.A, MAPPED_SERVER)
  // It is the rules that are looked at.
  for (const link of ['all', 'lan0', 'docker0', 'wlan0']) net.gateway.namespace.sysctl(`ipv4/conf/${link}/rp_filter`, 0)
})
after(async () => {
  await net?.close()
})

const GUESTS = { lans: [{ interface: 'wlan0', prefix: '2001:db8:aaaa::/64' }] }
const TWO_LANS = buildRuleset(
  testSite({ ...GUESTS, lan: { prefix: '2001:db8:1:2::/64' } }),
  testFacts({ lan: ['lan0', 'wlan0'] }),
)
const TWO_LANS_ULA = buildRuleset(testSite(GUESTS), testFacts({ lan: ['lan0', 'wlan0'] }))
/** A network behind a router of the first LAN, which the document lets use the translator. */
const BEHIND = '2001:db8:dead::1'
const TWO_LANS_AND_ONE_BEHIND = buildRuleset(
  testSite({ ...GUESTS, nat64: { sources: ['fd00:1:2:3::/64', '2001:db8:dead::/64'] } }),
  testFacts({ lan: ['lan0', 'wlan0'] }),
)
const ONE_LAN = buildRuleset(testSite({ lan: { prefix: '2001:db8:1:2::/64' } }), testFacts())
const ASYMMETRIC = buildRuleset(
  testSite({ lan: { prefix: '2001:db8:1:2::/64' }, firewall: { reversePath: false } }),
  testFacts(),
)
const LAN4 = buildRuleset(
  testSite({
    firewall: {
      lan4: [
        { interface: 'lan0', prefix: '192.168.7.0/24' },
        { interface: 'docker0', prefix: '172.17.0.0/16' },
      ],
    },
  }),
  testFacts(),
)

/** A packet with all four numbers of its flow. */
type Packet = Required<Probe>

/** A flow that is known, and who says to speak for one of its ends. */
interface Forgery {
  readonly what: string
  readonly rules: typeof ONE_LAN
  readonly from: Who
  readonly flow: Packet
  readonly liar: Who
  readonly as: 'client' | 'server'
  readonly rule: string
}

const flowTo = (destination: string, port: number, source: string): Packet => ({
  protocol: 'udp',
  source,
  sourcePort: FLOW_PORT,
  destination,
  port,
})

/** What the liar sends. */
const lieOf = ({ flow, as }: Forgery): Packet =>
  as === 'client'
    ? flow
    : { ...flow, source: flow.destination, sourcePort: flow.port, destination: flow.source, port: flow.sourcePort }

const FORGERIES: readonly Forgery[] = [
  {
    what: 'a guest as a host of the LAN, to the translator',
    rules: TWO_LANS_ULA,
    from: 'host',
    flow: flowTo(MAPPED_SERVER, PORTS.A, HOST),
    liar: 'other',
    as: 'client',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a guest as a network behind a router of the LAN, to the translator',
    rules: TWO_LANS_AND_ONE_BEHIND,
    from: 'host',
    flow: flowTo(MAPPED_SERVER, PORTS.A, BEHIND),
    liar: 'other',
    as: 'client',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a guest as the IPv4 world, to a host of the LAN',
    rules: TWO_LANS_ULA,
    from: 'host',
    flow: flowTo(MAPPED_SERVER, PORTS.A, HOST),
    liar: 'other',
    as: 'server',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a guest as the IPv6 world, to a host of the LAN',
    rules: TWO_LANS,
    from: 'host',
    flow: flowTo(SERVER6, PORTS.A, HOST_GLOBAL),
    liar: 'other',
    as: 'server',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a guest as a host of the LAN, to the IPv6 world',
    rules: TWO_LANS,
    from: 'host',
    flow: flowTo(SERVER6, PORTS.A, HOST_GLOBAL),
    liar: 'other',
    as: 'client',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a guest as a server that the gateway itself asked (a resolver, say)',
    rules: TWO_LANS,
    from: 'gateway',
    flow: flowTo(SERVER6, PORTS.B, UPLINK6),
    liar: 'other',
    as: 'server',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a LAN host as an IPv4 server that the gateway itself asked',
    rules: ONE_LAN,
    from: 'gateway',
    flow: flowTo(SERVER, PORTS.A, UPLINK),
    liar: 'host',
    as: 'server',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a LAN host as a pool address, to the IPv4 world',
    rules: ONE_LAN,
    from: 'translator',
    flow: flowTo(SERVER, PORTS.A, POOL_HOST),
    liar: 'host',
    as: 'client',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a host of an IPv4 LAN as one of another IPv4 LAN',
    rules: LAN4,
    from: 'host',
    flow: flowTo(SERVER, PORTS.A, '192.168.7.7'),
    liar: 'other',
    as: 'client',
    rule: 'lan-reverse-path',
  },
  {
    what: 'a host of an IPv4 LAN on a link of its own as a server that the gateway itself asked',
    rules: LAN4,
    from: 'gateway',
    flow: flowTo(SERVER, PORTS.A, UPLINK),
    liar: 'other',
    as: 'server',
    rule: 'lan-reverse-path',
  },
  {
    what: 'another link as the IPv6 world, to a host of the LAN',
    rules: ONE_LAN,
    from: 'host',
    flow: flowTo(SERVER6, PORTS.C, HOST_GLOBAL),
    liar: 'other',
    as: 'server',
    rule: 'other-reverse-path',
  },
]

/** With the source that the lie bears, for the time of `run`. */
const lying = async (forgery: Forgery, run: (lie: Packet) => Promise<void>): Promise<void> => {
  const { liar } = forgery
  const lie = lieOf(forgery)
  const address = lie.destination.includes(':') ? `${lie.source}/128` : `${lie.source}/32`
  net[liar].namespace.ip(`address add ${address} dev lo nodad`)
  try {
    await run(lie)
  } finally {
    net[liar].namespace.ip(`address del ${address} dev lo`)
  }
}

for (const forgery of FORGERIES)
  test(`${forgery.what}: dropped by ${forgery.rule}`, { skip }, async () => {
    await net.load(forgery.rules)
    assert.match(await net[forgery.from].ask(forgery.flow), /^answer /)
    await lying(forgery, async (lie) => {
      await net.watch(forgery.rules, { probe: lie })
      net[forgery.liar].fire(lie)
      await net.stoppedBy(forgery.rule)
    })
    assert.match(await net[forgery.from].ask(forgery.flow), /^answer /)
  })

test('what another link sends by whatever path is left alone with reversePath off', { skip }, async () => {
  const forgery: Forgery = {
    ...(FORGERIES.at(-1) ?? assert.fail()),
    flow: flowTo(SERVER6, PORTS.D, HOST_GLOBAL),
  }
  await net.load(ASYMMETRIC)
  assert.match(await net.host.ask(forgery.flow), /^answer /)
  await lying(forgery, async (lie) => {
    await net.watch(ASYMMETRIC, { probe: lie })
    net.other.fire(lie)
    await net.passedBy('forward-established')
  })
})

test('flows of the gateway to whatever it has a route to on the LAN are answered', { skip }, async () => {
  await net.load(ONE_LAN)
  assert.equal(await net.gateway.ask(tcp('192.168.7.7')), 'answer 192.168.7.1')
  assert.match(await net.gateway.ask(tcp(BEHIND)), /^answer /)
})
