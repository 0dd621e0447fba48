import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatIp6 } from '@sixgate/addr'
import { NatsLab } from '@sixgate/bus/testkit'
import { Lab, Namespace, type Process } from '@sixgate/testkit'
import type { NdpOption } from '../core/ndp-options.ts'
import { decodeRouterAdvertisement, type ReceivedAdvertisement } from '../core/ra-wire.ts'
import type { EthernetPort } from './ethernet-port.ts'
import { decodeFrame } from './icmp6-frame.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** Of every lan0, so that another router in its place has the same link-local address. */
export const LAN_MAC = '02:00:5e:10:00:01'

export interface Instance {
  readonly process: Process
  /** State and problems as Docker's health check reads them. */
  readonly health: () => { readonly state: string; readonly problems: readonly string[] }
}

export interface Heard extends ReceivedAdvertisement {
  readonly source: string
}

/** A site document of one LAN; `ra`: its section. */
export const siteOf = (
  ra: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
): string =>
  JSON.stringify({
    lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64' },
    pref64: ['64:ff9b::/96'],
    nat64: { pool4: ['192.168.64.0/24'] },
    ra,
    ...more,
  })

/**
 * A gateway with NATS, of as many instances as wanted; this namespace is the gateway, after enterNamespace():
 *
 *     gateway: lan0 ── wire ┐
 *                        br0      what is captured: all that comes out of lan0 to all nodes
 *     host:    eth0 ── port ┘
 */
export class GatewayLab {
  readonly gateway = Namespace.here('gateway')
  readonly host: Namespace
  readonly directory = mkdtempSync(join(tmpdir(), 'sixgate-ra-gateway-'))
  readonly #lab: Lab
  readonly #instances: Instance[] = []

  private constructor(lab: Lab, host: Namespace) {
    this.#lab = lab
    this.host = host
    const { gateway } = this
    gateway.sysctl('ipv6/conf/all/forwarding', 1)
    for (const end of [gateway, host]) end.sysctl('ipv6/conf/default/accept_dad', 0)
    gateway.ip('link add br0 type bridge')
    gateway.sysctl('ipv6/conf/br0/disable_ipv6', 1)
    gateway.ip(`link add port type veth peer name eth0 netns ${host.pid}`)
    for (const name of ['br0', 'port']) gateway.ip(`link set ${name} up`)
    host.ip('link set eth0 up')
    gateway.ip('link set port master br0')
  }

  static async create(): Promise<GatewayLab> {
    const lab = new Lab()
    return new GatewayLab(lab, await lab.namespace('host'))
  }

  /** A new lan0 with nobody's traces on it. */
  cable(): void {
    const { gateway, host } = this
    gateway.runSync('ip', 'link', 'delete', 'lan0')
    gateway.ip(`link add lan0 address ${LAN_MAC} type veth peer name wire`)
    gateway.sysctl('ipv6/conf/wire/disable_ipv6', 1)
    gateway.ip('link set wire master br0')
    gateway.ip('link set wire up')
    // The host forgets the router of the test before.
    for (const state of ['down', 'up']) host.ip(`link set eth0 ${state}`)
    rmSync(join(this.directory, 'state'), { recursive: true, force: true })
  }

  /** A way to the internet, as far as the gateway can see. */
  uplink(isThere: boolean): void {
    const { gateway } = this
    gateway.runSync('ip', 'link', 'delete', 'wan0')
    if (!isThere) return
    gateway.ip('link add wan0 type veth peer name isp0')
    for (const name of ['wan0', 'isp0']) gateway.ip(`link set ${name} up`)
    gateway.waitUp('wan0')
    gateway.ip('address add 192.0.2.2/24 dev wan0')
    gateway.ip('route add default via 192.0.2.1 dev wan0')
  }

  /** All instances share one state directory, as containers of one service share one volume. */
  start(nats: NatsLab, name: string, environment: Readonly<Record<string, string>> = {}): Instance {
    const healthFile = join(this.directory, `health-${name}.json`)
    rmSync(healthFile, { force: true })
    const running = this.gateway.spawn(process.execPath, [MAIN], {
      SITE: nats.server.url,
      NKEY_SEED_FILE: nats.seedFile,
      STATE_DIR: join(this.directory, 'state'),
      HEALTH_FILE: healthFile,
      ...environment,
    })
    const health = (): ReturnType<Instance['health']> => {
      try {
        return JSON.parse(readFileSync(healthFile, 'utf8')) as ReturnType<Instance['health']>
      } catch {
        return { state: 'none yet', problems: [] }
      }
    }
    const instance = { process: running, health }
    this.#instances.push(instance)
    return instance
  }

  /** Ends all instances without asking them. */
  async killAll(): Promise<void> {
    await Promise.all(this.#instances.splice(0).map(({ process: running }) => running.stop('SIGKILL')))
  }

  async close(): Promise<void> {
    await this.killAll()
    await this.gateway.close()
    await this.#lab.close()
    rmSync(this.directory, { recursive: true })
  }
}

/** A NATS server with a site document. */
export const natsWith = async (document: string): Promise<NatsLab> => {
  const nats = await NatsLab.start()
  await nats.makeBuckets('site', 'status', 'leases')
  await nats.publish(document)
  return nats
}

/** The Router Advertisements among the frames, oldest first. */
export const heardBy = (port: Pick<EthernetPort, 'frames'>): Heard[] =>
  port.frames
    .flatMap((frame) => decodeFrame(frame) ?? [])
    .filter(({ message }) => message[0] === 134)
    .map(({ message, source }) => ({ ...decodeRouterAdvertisement(message), source: formatIp6(source) }))

export const optionsOf = <Kind extends NdpOption['kind']>(ra: ReceivedAdvertisement, kind: Kind) =>
  ra.options.filter((option): option is Extract<NdpOption, { kind: Kind }> => option.kind === kind)
