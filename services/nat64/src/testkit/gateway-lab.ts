import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lab, type Namespace, type Process } from '@sixgate/testkit'

/** The site document of the lab, with other values for nat64 where given. */
export const labSite = ({ pool4 = '198.18.0.0/24', pref64 = '"64:ff9b::/96"', more = '' } = {}): string =>
  `lan: { interface: lan0, prefix: "fd00:6:4::/64", router: "::1" }
pref64: [${pref64}]
nat64:
  pool4: [${pool4}]
  # The lab's addresses are those for documentation.
  wellKnownPrefix: off
${more}`

/** The server, as the client sees it. */
export const SERVER_SEEN = '64:ff9b::203.0.113.2'
export const SERVER_PORT = 7007

const MAIN = new URL('../main.ts', import.meta.url).pathname
const TRAFFIC = new URL('traffic.ts', import.meta.url).pathname

/**
 *   client              gateway                        server
 *   fd00:6:4::10 ─lan0─ fd00:6:4::1 ─TUN nat64─ 203.0.113.1 ─wan0─ 203.0.113.2
 *   (IPv6 only)         (nat64 runs here)              (IPv4 only, route to the pool through the gateway)
 *
 * No NAT44: the server sees pool addresses.
 */
export class GatewayLab {
  readonly lab = new Lab()
  readonly stateDir = mkdtempSync(join(tmpdir(), 'nat64-'))
  readonly siteFile = join(this.stateDir, 'site.yaml')
  readonly client: Namespace
  readonly gateway: Namespace
  readonly server: Namespace

  private constructor(client: Namespace, gateway: Namespace, server: Namespace) {
    this.client = client
    this.gateway = gateway
    this.server = server
  }

  /** `gateway`: the namespace that is it, where it is there already. */
  static async make(site = labSite(), gateway?: Namespace): Promise<GatewayLab> {
    const lab = new Lab()
    const made = new GatewayLab(
      await lab.namespace('client'),
      gateway ?? (await lab.namespace('gateway')),
      await lab.namespace('server'),
    )
    Object.assign(made, { lab })
    lab.cable(
      { in: made.client, name: 'eth0', addresses: ['fd00:6:4::10/64'] },
      { in: made.gateway, name: 'lan0', addresses: ['fd00:6:4::1/64'] },
    )
    lab.cable(
      { in: made.gateway, name: 'wan0', addresses: ['203.0.113.1/24'] },
      { in: made.server, name: 'eth0', addresses: ['203.0.113.2/24'] },
    )
    made.client.ip('-6 route add default via fd00:6:4::1')
    made.server.ip('route add 198.18.0.0/15 via 203.0.113.1')
    made.gateway.sysctl('ipv6/conf/all/forwarding', 1)
    made.gateway.sysctl('ipv4/ip_forward', 1)
    // The kernel's own errors are not what is tested: no rate limit that makes them come or not.
    for (const name of ['ipv6/icmp/ratelimit', 'ipv4/icmp_ratelimit']) made.gateway.sysctl(name, 0)
    made.write(site)
    return made
  }

  /** Replaces the site document, as an editor does. */
  write(site: string): void {
    writeFileSync(`${this.siteFile}.new`, site)
    renameSync(`${this.siteFile}.new`, this.siteFile)
  }

  /** Starts nat64 and waits until its data plane is up. */
  async start(environment: Readonly<Record<string, string>> = {}): Promise<Process> {
    const service = this.spawn(environment)
    await service.waitFor(/data plane is up/)
    return service
  }

  /** Starts nat64, in front of it `wrapper` (a command that runs the rest). */
  spawn(environment: Readonly<Record<string, string>> = {}, wrapper: readonly string[] = []): Process {
    const [command, ...args] = [...wrapper, process.execPath, MAIN]
    return this.gateway.spawn(command, args, {
      SITE: `file:${this.siteFile}`,
      STATE_DIR: this.stateDir,
      HEALTH_FILE: join(this.stateDir, 'health.json'),
      LOG_LEVEL: 'debug',
      ...environment,
    })
  }

  /** Segmentation, receive and checksum offloads of all links but the TUN. */
  setOffloads(state: 'on' | 'off'): void {
    const features = ['tx', 'rx', 'tso', 'gso', 'gro'].flatMap((feature) => [feature, state])
    for (const [where, name] of [
      [this.client, 'eth0'],
      [this.server, 'eth0'],
      [this.gateway, 'lan0'],
      [this.gateway, 'wan0'],
    ] as const)
      where.sh('ethtool', '-K', name, ...features)
  }

  /** Starts the server of traffic.ts. */
  async serve(): Promise<void> {
    await this.server.spawn(process.execPath, [TRAFFIC, 'serve', String(SERVER_PORT)]).waitFor(/^ready$/m)
  }

  /** Runs a client of traffic.ts against the server. */
  async traffic(mode: 'tcp' | 'udp', ...args: readonly (string | number)[]): Promise<Record<string, unknown>> {
    return await this.#traffic(this.client, mode, [SERVER_SEEN, SERVER_PORT, ...args])
  }

  /** The same to another address or port. */
  async trafficTo(
    host: string,
    port: number,
    mode: 'tcp' | 'udp',
    ...args: readonly (string | number)[]
  ): Promise<Record<string, unknown>> {
    return await this.#traffic(this.client, mode, [host, port, ...args])
  }

  async #traffic(from: Namespace, mode: string, args: readonly (string | number)[]): Promise<Record<string, unknown>> {
    const { status, stdout, stderr } = await from.run(process.execPath, TRAFFIC, mode, ...args.map(String))
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout) as Record<string, unknown>
  }

  /** Pings and returns the number of answers. */
  async ping(target: string, ...options: readonly string[]): Promise<number> {
    const { stdout } = await this.client.run(
      'ping',
      '-n',
      '-W5',
      '-i0.01',
      ...(options.includes('-c') ? [] : ['-c1']),
      ...options,
      target,
    )
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0)
  }

  async close(): Promise<void> {
    await this.lab.close()
    rmSync(this.stateDir, { recursive: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
