import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lab, Namespace, type Process } from '@sixgate/testkit'
import type { Ruleset } from '../core/nft.ts'
import { NftTool } from '../io/nft-tool.ts'
import { Checkpoints, type Packet } from './checkpoints.ts'
import type { Command, Frame, Icmp6, Probe, Raw6, Report, Stream } from './packet-agent.ts'
import type { Who } from './packets.ts'

const AGENT = fileURLToPath(new URL('packet-agent.ts', import.meta.url))
/** Packets and counters take microseconds; only a failed test waits so long. */
const COUNT_TIMEOUT_MS = 20_000 * Number(process.env['SIXGATE_SLOWNESS'] ?? 1)

/** A namespace with an agent in it. */
export class Place {
  readonly namespace: Namespace
  readonly #agent: Process
  readonly #waiting = new Map<number, (outcome: string) => void>()
  /** What servers here received, as `protocol port from`. */
  readonly received: string[] = []
  #nextId = 1
  #end: string | undefined

  private constructor(namespace: Namespace, agent: Process) {
    this.namespace = namespace
    this.#agent = agent
    void this.#watchEnd()
    let rest = ''
    agent.child.stdout?.on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#onReport(JSON.parse(line) as Report)
    })
  }

  static async open(namespace: Namespace): Promise<Place> {
    const agent = namespace.spawn(process.execPath, [AGENT])
    const place = new Place(namespace, agent)
    await agent.waitFor(/"ready"/)
    return place
  }

  /** An agent that crashed answers nothing: say why, instead of waiting. */
  async #watchEnd(): Promise<void> {
    const status = await this.#agent.ended
    this.#end = `the agent ended with ${status}: ${this.#agent.output.stderr}`
    for (const resolve of this.#waiting.values()) resolve(this.#end)
  }

  #onReport(report: Report): void {
    if (report.event === 'received') this.received.push(`${report.protocol} ${report.port} ${report.from}`)
    if (report.event === 'outcome') this.#waiting.get(report.id)?.(report.outcome)
  }

  #send(command: Command): void {
    this.#agent.child.stdin?.write(`${JSON.stringify(command)}\n`)
  }

  /** Answers UDP and TCP on a port; UDP at `address` only, where a place has several and must answer from the right one. */
  serve(port: number, address?: string): void {
    this.#send({ op: 'serve', protocol: 'udp', port, ...(address === undefined ? {} : { address }) })
    this.#send({ op: 'serve', protocol: 'tcp', port })
  }

  /** `answer <address as the server saw it>`, an error name like ECONNREFUSED, or `silence`. */
  ask(probe: Probe): Promise<string> {
    return this.#question((id) => ({ op: 'ask', id, ...probe }))
  }

  /** Resolves when `received` has everything that had come here before. */
  async caughtUp(): Promise<void> {
    await this.#question((id) => ({ op: 'catch-up', id }))
  }

  /** Sends back what comes over TCP. */
  echo(port: number): void {
    this.#send({ op: 'echo', port })
  }

  /** So many octets to a port that echoes: `echoed N`, an error name, or `silence`. */
  stream(stream: Stream): Promise<string> {
    return this.#question((id) => ({ op: 'stream', id, ...stream }))
  }

  #question(command: (id: number) => Command): Promise<string> {
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    const id = this.#nextId++
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#send(command(id))
    })
  }

  /** Sends without waiting for an answer. */
  fire(probe: Probe): void {
    this.#send({ op: 'fire', ...probe })
  }

  icmp6(message: Icmp6): void {
    this.#send({ op: 'icmp6', ...message })
  }

  raw6(packet: Raw6): void {
    this.#send({ op: 'raw6', ...packet })
  }

  frame(frame: Frame): void {
    this.#send({ op: 'frame', ...frame })
  }

  async close(): Promise<void> {
    await this.#agent.stop()
  }
}

/** What can be sent once. */
export type Single =
  | { readonly probe: Probe }
  | { readonly icmp6: Icmp6 }
  | { readonly raw6: Raw6 }
  | { readonly frame: Frame }

/**
 *      host ── lan0 ┌─────────┐ wan0 ── internet
 *   fd00:1:2:3::10  │ gateway │        203.0.113.1, 198.51.100.7, 2001:db8:ffff::1
 *                   │ = here  │ docker0, wlan0 ── other (172.17.0.2, 192.0.2.2)
 *   translator ─ nat64 ───────┘
 *   198.18.0.9, 64:ff9b::/96
 */
export class PacketLab {
  readonly gateway: Place
  readonly host: Place
  readonly internet: Place
  readonly translator: Place
  readonly other: Place
  /** For what tests write; gone with the lab. */
  readonly directory: string
  readonly #lab: Lab
  readonly #nft: NftTool
  #checkpoints: Checkpoints | undefined
  /** Below those that kernels give out. */
  #nextPort = 20_000

  private constructor(places: readonly [Place, Place, Place, Place, Place], lab: Lab, directory: string) {
    ;[this.gateway, this.host, this.internet, this.translator, this.other] = places
    this.#lab = lab
    this.directory = directory
    this.#nft = new NftTool(join(directory, 'ruleset.json'))
  }

  static async open(): Promise<PacketLab> {
    const lab = new Lab()
    const directory = mkdtempSync(join(tmpdir(), 'sixgate-packets-'))
    try {
      return await PacketLab.#build(lab, directory)
    } catch (error) {
      await lab.close()
      rmSync(directory, { recursive: true })
      throw error
    }
  }

  static async #build(lab: Lab, directory: string): Promise<PacketLab> {
    const gateway = Namespace.here('gateway')
    const host = await lab.namespace('host')
    const internet = await lab.namespace('internet')
    const translator = await lab.namespace('translator')
    const other = await lab.namespace('other')
    lab.cable(
      {
        in: gateway,
        name: 'lan0',
        addresses: ['fe80::1/64', 'fd00:1:2:3::1/64', '2001:db8:1:2::1/64', '192.168.7.1/24'],
      },
      {
        in: host,
        name: 'eth0',
        addresses: ['fe80::10/64', 'fd00:1:2:3::10/64', '2001:db8:1:2::10/64', '192.168.7.7/24'],
      },
    )
    lab.cable(
      { in: gateway, name: 'wan0', addresses: ['fe80::2/64', '203.0.113.2/24', '2001:db8:ffff::2/64'] },
      { in: internet, name: 'eth0', addresses: ['fe80::1/64', '203.0.113.1/24', '2001:db8:ffff::1/64'] },
    )
    lab.cable(
      { in: gateway, name: 'nat64', addresses: ['fe80::1/64', '198.18.0.1/16'] },
      { in: translator, name: 'eth0', addresses: ['fe80::2/64', '198.18.0.9/32'] },
    )
    lab.cable(
      { in: gateway, name: 'docker0', addresses: ['172.17.0.1/16', 'fd00:d0c::1/64'] },
      { in: other, name: 'eth0', addresses: ['172.17.0.2/16', 'fd00:d0c::2/64'] },
    )
    lab.cable(
      { in: gateway, name: 'wlan0', addresses: ['192.0.2.1/24', '2001:db8:aaaa::1/64'] },
      { in: other, name: 'eth1', addresses: ['192.0.2.2/24', '2001:db8:aaaa::2/64'] },
    )
    // The TUN has no neighbour discovery, so the rules let none through.
    neighbours(gateway, 'nat64', translator, 'eth0')
    route(
      gateway,
      ['default via 203.0.113.1', '198.18.200.0/24 via 203.0.113.1'],
      [
        'default via 2001:db8:ffff::1',
        '64:ff9b::/96 via fe80::2 dev nat64',
        '2001:db8:64::/96 via fe80::2 dev nat64',
        '64:ff9b::1/128 via 2001:db8:ffff::1',
        // A network behind the host.
        '2001:db8:dead::/64 via fe80::10 dev lan0',
      ],
    )
    route(host, ['default via 192.168.7.1'], ['default via fe80::1 dev eth0'])
    route(
      internet,
      ['198.18.0.0/16 via 203.0.113.2', '172.17.0.0/16 via 203.0.113.2', '192.0.2.0/24 via 203.0.113.2'],
      ['default via 2001:db8:ffff::2'],
    )
    route(
      translator,
      ['198.18.0.1 dev eth0', 'default via 198.18.0.1'],
      ['local 64:ff9b::/96 dev lo', 'default via fe80::1 dev eth0'],
    )
    route(
      other,
      ['203.0.113.0/24 via 172.17.0.1 dev eth0', '198.18.0.0/16 via 172.17.0.1 dev eth0'],
      ['default via 2001:db8:aaaa::1 dev eth1', '2001:20::1/128 via fd00:d0c::1 dev eth0'],
    )
    internet.ip('address add 198.51.100.7/32 dev lo')
    // A second host of the LAN.
    host.ip('-6 address add fd00:1:2:3::11/64 dev eth0 nodad')
    // Addresses to lie with.
    host.ip('-6 address add 2001:db8:dead::1/128 dev lo')
    host.ip('-6 address add 2001:db8:bad::1/128 dev lo')
    host.ip('-6 address add 64:ff9b::bad/128 dev lo')
    internet.ip('address add 198.18.0.66/32 dev lo')
    internet.ip('address add 192.168.99.1/32 dev lo')
    internet.ip('address add 172.17.0.9/32 dev lo')
    internet.ip('-6 address add fec0::1/128 dev lo')
    internet.ip('-6 address add fd99::1/128 dev lo')
    internet.ip('-6 address add 2001:20::1/128 dev lo')
    internet.ip('-6 address add 64:ff9b::bad/128 dev lo')
    internet.ip('-6 address add fd00:1:2:3::bad/128 dev lo')
    gateway.ip('-6 address add 64:ff9b::cafe/128 dev lo')
    translator.ip('address add 10.9.9.9/32 dev lo')
    translator.ip('address add 198.18.0.10/32 dev lo')
    translator.ip('-6 address add 64:ff9b::c612:9/128 dev lo')
    translator.ip('-6 address add 64:ff9b::c633:6407/128 dev lo')
    translator.ip('-6 address add 2001:db8:dead::2/128 dev lo')
    for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) gateway.sysctl(path, 1)
    const places = await Promise.all([gateway, host, internet, translator, other].map((place) => Place.open(place)))
    const built = new PacketLab(places as [Place, Place, Place, Place, Place], lab, directory)
    for (const place of [built.host, built.internet, built.other]) place.serve(7777)
    built.translator.serve(7777, '64:ff9b::c633:6407')
    built.host.serve(500, '2001:db8:1:2::10')
    for (const port of [22, 53, 68, 546, 8080, 8443, 9999]) built.gateway.serve(port)
    return built
  }

  async close(): Promise<void> {
    // The agent of this process's own namespace is in no lab.
    await this.gateway.close()
    await this.#lab.close()
    rmSync(this.directory, { recursive: true })
  }

  /** Puts these rules in force, counters at 0. */
  async load(ruleset: Ruleset): Promise<void> {
    await this.#nft.load(ruleset, new Map(), await this.#nft.list())
  }

  /** Loads the rules and watches one packet, which is sent later, on its way through them. Its sender uses what is returned. */
  async watch<P extends Packet>(ruleset: Ruleset, packet: P): Promise<P> {
    await this.load(ruleset)
    this.#checkpoints = new Checkpoints(this.gateway.namespace, ruleset, packet)
    return packet
  }

  /** The probe from a port of its own, unless it has one. */
  ownPort(probe: Probe): Probe & { readonly sourcePort: number } {
    return { sourcePort: this.#nextPort++, ...probe }
  }

  /** Loads the rules, sends one packet and watches it on its way through them. */
  async send(ruleset: Ruleset, from: Who, packet: Single): Promise<void> {
    const watched = await this.watch(ruleset, 'probe' in packet ? { probe: this.ownPort(packet.probe) } : packet)
    const place = this[from]
    if ('probe' in watched) place.fire(watched.probe)
    else if ('icmp6' in watched) place.icmp6(watched.icmp6)
    else if ('raw6' in watched) place.raw6(watched.raw6)
    else place.frame(watched.frame)
  }

  /** Waits until a rule has counted, and holds that the packet watched came to the rule's chain and not behind it. */
  async stoppedBy(rule: string): Promise<void> {
    await this.counted(rule, 0)
    await this.caughtUp()
    const { came, wentOn } = this.#fate(rule)
    assert.ok(came > 0, `the packet did not come to the chain of ${rule}`)
    assert.equal(wentOn, 0, `the packet went on behind the chain of ${rule}`)
  }

  /** Of what is watched and came to the chain of a rule: what the rule has counted is not seen behind. */
  async heldBackBy(rule: string): Promise<void> {
    const held = await this.count(rule)
    const { came, wentOn } = this.#fate(rule)
    assert.ok(held > 0 && wentOn <= came - held, `${rule} counted ${held}, ${wentOn} of ${came} went on`)
  }

  /** Waits until so many of what is watched are seen behind the chain of a rule. */
  async passed(rule: string, packets: number): Promise<void> {
    const done = (): boolean => this.#fate(rule).wentOn >= packets
    await this.#until(done, `fewer than ${packets} went on behind the chain of ${rule}`)
  }

  /** Waits until a rule has counted and the packet watched is seen behind the rule's chain. */
  async passedBy(rule: string): Promise<void> {
    await this.counted(rule, 0)
    await this.passed(rule, 1)
  }

  #fate(rule: string): ReturnType<Checkpoints['fate']> {
    return this.#checkpoints?.fate(rule) ?? assert.fail('no packet is watched')
  }

  async #until(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const deadline = performance.now() + COUNT_TIMEOUT_MS
    while (!(await done()))
      if (performance.now() > deadline) assert.fail(`${what}; rules that counted: ${await this.#counts()}`)
  }

  /** Resolves when `received` of every place has everything that had come there before. */
  async caughtUp(): Promise<void> {
    const places = [this.gateway, this.host, this.internet, this.translator, this.other]
    await Promise.all(places.map((place) => place.caughtUp()))
  }

  /** Packets that a rule has counted. */
  async count(rule: string): Promise<number> {
    const listing = await this.#nft.list()
    return listing?.counts.get(rule)?.packets ?? assert.fail(`there is no rule ${rule}`)
  }

  /** Waits until a rule has counted more than `before`. */
  async counted(rule: string, before: number): Promise<void> {
    await this.#until(async () => (await this.count(rule)) > before, `rule ${rule} did not count`)
  }

  async #counts(): Promise<string> {
    const counts = [...((await this.#nft.list())?.counts ?? [])].filter(([, { packets }]) => packets > 0)
    return counts.map(([id, { packets }]) => `${id} ${packets}`).join(', ')
  }
}

const route = (namespace: Namespace, routes4: readonly string[], routes6: readonly string[]): void => {
  for (const text of routes4) namespace.ip(`route add ${text}`)
  for (const text of routes6) namespace.ip(`-6 route add ${text}`)
}

/** Tells both ends of a cable the other's MAC address for their link-local addresses. */
const neighbours = (a: Namespace, linkA: string, b: Namespace, linkB: string): void => {
  const macOf = (namespace: Namespace, link: string): string =>
    /link\/ether (\S+)/.exec(namespace.ip(`link show ${link}`))?.[1] ?? assert.fail(link)
  a.ip(`-6 neighbour add fe80::2 lladdr ${macOf(b, linkB)} nud permanent dev ${linkA}`)
  b.ip(`-6 neighbour add fe80::1 lladdr ${macOf(a, linkA)} nud permanent dev ${linkB}`)
}
