/**
 * Flows that skip the rules, with real packets, on kernels that have flowtables: Debian's in `make e2e-vm SUITE=firewall`. Where
 * there is none every test says so.
 */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { createLogger } from '@sixgate/obs'
import { enterNamespace } from '@sixgate/testkit'
import { buildRuleset } from './core/ruleset.ts'
import { takesFlowtable } from './io/flowtable-self-test.ts'
import { Firewall } from './service.ts'
import { PacketLab, type Place } from './testkit/packet-lab.ts'
import { HOST, MAPPED_SERVER, POOL_HOST, SERVER, tcp, udp, UPLINK } from './testkit/packets.ts'
import { type SiteChanges, testFacts, testSite } from './testkit/scenarios.ts'

const skip = enterNamespace()
const LINKS = ['lan0', 'nat64', 'wan0']
/** With the link of a second LAN, behind which the place `other` is. */
const GUEST_LINKS = [...LINKS, 'wlan0']
const ECHO_PORT = 7
const OCTETS = 4 * 1024 * 1024
const PATIENCE_MS = 60_000 * Number(process.env['SIXGATE_SLOWNESS'] ?? 1)
let net: PacketLab
let hasFlowtables = false

before(async () => {
  if (skip !== false) return
  net = await PacketLab.open()
  hasFlowtables = await takesFlowtable(GUEST_LINKS)
  for (const place of [net.translator, net.internet]) place.echo(ECHO_PORT)
})
after(async () => {
  await net?.close()
})

const flowTest = (what: string, run: (t: TestContext) => Promise<void>): void =>
  void test(what, { skip }, async (t) => {
    if (hasFlowtables) await run(t)
    else t.skip('this kernel has no flowtables; make e2e-vm SUITE=firewall has some that do')
  })

/** Without an eBPF program both legs of a translated flow are short. */
const rules = (changes: SiteChanges = {}) =>
  buildRuleset(
    testSite({ ...changes, nat64: { fastPath: 'off', ...changes.nat64 } }),
    testFacts({ flowtableLinks: LINKS }),
  )

const until = async (what: string, done: () => Promise<boolean> | boolean): Promise<void> => {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await done())) {
    if (performance.now() > deadline) assert.fail(`not within ${PATIENCE_MS} ms: ${what}`)
    // The service runs in this process.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Packets that came by a link of the gateway, as its driver counts them. */
const arrived = (link: string): number => {
  const [row] = JSON.parse(net.gateway.namespace.ip(`-j -s link show ${link}`)) as [
    { stats64: { rx: { packets: number } } },
  ]
  return row.stats64.rx.packets
}

/** What conntrack says of the flows with this text in them. */
const flows = (text: string): readonly string[] =>
  net.gateway.namespace
    .sh('sh', '-c', 'conntrack -L -f ipv4 2>/dev/null; conntrack -L -f ipv6 2>/dev/null')
    .split('\n')
    .filter((line) => line.includes(text))

const STREAMS: readonly (readonly [
  what: string,
  who: () => Place,
  source: string,
  destination: string,
  link: string,
  legs: readonly string[],
])[] = [
  ['LAN → translator, IPv6', () => net.host, HOST, MAPPED_SERVER, 'lan0', ['fast-lan-out', 'fast-lan-in']],
  [
    'translator → uplink, IPv4 and masqueraded',
    () => net.translator,
    POOL_HOST,
    SERVER,
    'nat64',
    ['fast-nat64-out', 'fast-nat64-in'],
  ],
]

for (const [what, who, source, destination, link, legs] of STREAMS)
  flowTest(`a TCP flow skips the rules both ways, and nothing of it is lost: ${what}`, async (t) => {
    await net.load(rules())
    const before = arrived(link)
    const outcome = await who().stream({ ...tcp(destination, ECHO_PORT, source), octets: OCTETS })
    assert.equal(outcome, `echoed ${OCTETS}`)
    const [came, passed] = [arrived(link) - before, await net.count('forward-established')]
    t.diagnostic(`${came} packets came by ${link}, ${passed} of both directions passed the rules`)
    for (const rule of ['fast-tcp', ...legs]) assert.ok((await net.count(rule)) > 0, rule)
    assert.ok(passed < came / 2, `${passed} of ${came}`)
  })

/** Asks with one pair of ports until the flow is in the flowtable. */
const offload = async (source: string, destination: string, port: number, who: Place): Promise<void> => {
  const flow = { ...udp(destination, 7777, source), sourcePort: port }
  await until('conntrack says that the flow is offloaded', async () => {
    assert.match(await who.ask(flow), /^answer /)
    return flows(`sport=${port} `).some((line) => line.includes('[OFFLOAD]'))
  })
}

flowTest('a UDP flow that lasts skips the rules, with the uplink address as before', async () => {
  await net.load(rules())
  await offload(POOL_HOST, SERVER, 4801, net.translator)
  const passed = await net.count('forward-established')
  for (let turn = 0; turn < 5; turn++)
    assert.equal(await net.translator.ask({ ...udp(SERVER, 7777, POOL_HOST), sourcePort: 4801 }), `answer ${UPLINK}`)
  assert.equal(await net.count('forward-established'), passed)
  assert.ok((await net.count('fast-udp')) > 0)
})

flowTest('a block cuts a flow that skipped the rules, and lifting it lets the host speak again', async () => {
  await net.load(rules())
  const flow = { ...udp(MAPPED_SERVER, 7777, HOST), sourcePort: 4802 }
  await offload(HOST, MAPPED_SERVER, 4802, net.host)
  await net.load(rules({ firewall: { blocks: [{ host: HOST }] } }))
  assert.equal(await net.host.ask(flow), 'EACCES')
  assert.ok((await net.count('blocked')) > 0)
  await net.load(rules())
  assert.equal(await net.host.ask(flow), `answer ${HOST}`)
})

flowTest(
  'a flow in the flowtable is carried from its own link only: a guest who speaks for its host meets the rules',
  async () => {
    const twoLans = buildRuleset(
      testSite({ nat64: { fastPath: 'off' }, lans: [{ interface: 'wlan0', prefix: '2001:db8:aaaa::/64' }] }),
      testFacts({ lan: ['lan0', 'wlan0'], flowtableLinks: GUEST_LINKS }),
    )
    await net.load(twoLans)
    await offload(HOST, MAPPED_SERVER, 4803, net.host)
    const lie = { ...udp(MAPPED_SERVER, 7777, HOST), sourcePort: 4803 }
    net.other.namespace.ip(`-6 address add ${HOST}/128 dev lo nodad`)
    try {
      net.other.fire(lie)
      // Carried by the flowtable it would meet no rule.
      await net.counted('lan-reverse-path', 0)
    } finally {
      net.other.namespace.ip(`-6 address del ${HOST}/128 dev lo`)
    }
    await offload(HOST, MAPPED_SERVER, 4803, net.host)
  },
)

flowTest('rules that are replaced leave the flows where they are, and lose nothing', async () => {
  await net.load(rules())
  const streams = [
    net.host.stream({ ...tcp(MAPPED_SERVER, ECHO_PORT, HOST), octets: OCTETS }),
    net.translator.stream({ ...tcp(SERVER, ECHO_PORT, POOL_HOST), octets: OCTETS }),
  ]
  for (let turn = 0; turn < 6; turn++) await net.load(rules({ firewall: { mssClamp: turn % 2 === 0 } }))
  // A flowtable that goes takes nothing with it either.
  await net.load(buildRuleset(testSite(), testFacts()))
  await net.load(rules())
  assert.deepEqual(await Promise.all(streams), [`echoed ${OCTETS}`, `echoed ${OCTETS}`])
})

flowTest('a control channel that conntrack reads stays in the rules', async (t) => {
  await net.load(rules({ nat64: { alg: { ftpPorts: [ECHO_PORT] } } }))
  if (!/helper/.test(net.gateway.namespace.sh('nft', 'list', 'table', 'inet', 'sixgate'))) return t.skip('no helper')
  const outcome = await net.host.stream({ ...tcp(MAPPED_SERVER, ECHO_PORT, HOST), octets: 64 * 1024 })
  assert.equal(outcome, `echoed ${64 * 1024}`)
  assert.deepEqual(
    flows(`dport=${ECHO_PORT} `).filter((line) => line.includes('[OFFLOAD]') && line.includes(HOST)),
    [],
  )
})

flowTest(
  'the service: self-test, flowtable on the links that are there, as they come and go, and away with it',
  async () => {
    const stateDir = join(net.directory, 'state')
    mkdirSync(stateDir)
    const service = new Firewall({
      name: 'nat44-firewall',
      instance: 'test',
      log: createLogger({ service: 'nat44-firewall', instance: 'test', level: 'silent' }),
      stateDir,
      sysctlRoot: '/proc/sys/net',
      bus: { bucket: () => undefined },
    })
    const table = (): string => net.gateway.namespace.runSync('nft', 'list', 'table', 'inet', 'sixgate').stdout
    const devices = (): string =>
      /flowtable fast(?:_all)? \{[^}]*devices = \{ ([^}]*) \}/
        .exec(table())?.[1]
        ?.replaceAll('"', '')
        .split(', ')
        .toSorted()
        .join() ?? ''
    try {
      await service.apply({ revision: 1, site: testSite() })
      assert.deepEqual(service.problems(), [])
      assert.equal(devices(), 'lan0,nat64,wan0')
      assert.equal(service.counters()['flowtable_links'], 3)
      const checks = (await service.questions['checks']?.({})) as { id: string; found: string }[]
      assert.match(checks.find(({ id }) => id === 'flowtable')?.found ?? '', /lan0, nat64, wan0/)
      await service.apply({ revision: 2, site: testSite({ firewall: { flowtable: 'off' } }) })
      assert.equal(devices(), '')
      await service.apply({ revision: 3, site: testSite() })
      net.gateway.namespace.ip('link set nat64 down')
      net.gateway.namespace.ip('link set nat64 name away0')
      await until('nat64 is out of it', () => devices() === 'lan0,wan0')
      net.gateway.namespace.ip('link set away0 name nat64')
      await until('nat64 is in it again', () => devices() === 'lan0,nat64,wan0')
    } finally {
      await service.stop('remove')
    }
    assert.equal(table(), '')
  },
)
