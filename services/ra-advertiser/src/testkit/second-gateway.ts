import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NatsLab } from '@sixgate/bus/testkit'
import { Namespace, type Process } from '@sixgate/testkit'
import type { GatewayLab } from './gateway-lab.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** What the documents of these tests say of both. */
export const GATEWAYS = [
  { name: 'a', router: '::1', preference: 'high' },
  { name: 'b', router: '::2' },
]
const BUS_ADDRESS = '192.0.2.129'
export const SECOND_MAC = '02:00:5e:10:00:02'

/**
 * Gateway b beside the one of a GatewayLab, which is a; both at one NATS, by a link of their own:
 *
 *     gateway a: lan0 ── wire ┐            bus ┐
 *     gateway b: lan0 ── wire2 ┤ br0       bus ┘
 *     host:      eth0 ── port ┘   what is heard
 */
export class SecondGateway {
  readonly namespace: Namespace
  readonly #lab: GatewayLab
  readonly #running: Process[] = []

  private constructor(lab: GatewayLab, namespace: Namespace) {
    this.#lab = lab
    this.namespace = namespace
  }

  static async create(lab: GatewayLab): Promise<SecondGateway> {
    return new SecondGateway(lab, await Namespace.create('second'))
  }

  /** New links with nobody's traces on them. */
  cable(): void {
    const { namespace } = this
    const { gateway } = this.#lab
    for (const name of ['wire2', 'bus']) gateway.runSync('ip', 'link', 'delete', name)
    namespace.sysctl('ipv6/conf/all/forwarding', 1)
    namespace.sysctl('ipv6/conf/default/accept_dad', 0)
    gateway.ip(`link add wire2 type veth peer name lan0 address ${SECOND_MAC} netns ${namespace.pid}`)
    gateway.sysctl('ipv6/conf/wire2/disable_ipv6', 1)
    gateway.ip('link set wire2 master br0')
    gateway.ip('link set wire2 up')
    gateway.ip(`link add bus type veth peer name bus netns ${namespace.pid}`)
    gateway.ip(`address add ${BUS_ADDRESS}/30 dev bus`)
    namespace.ip('address add 192.0.2.130/30 dev bus')
    for (const end of [gateway, namespace]) end.ip('link set bus up')
  }

  /** NATS listens on loopback of gateway a alone; this hands octets on. */
  async share(nats: NatsLab): Promise<{ readonly url: string } & AsyncDisposable> {
    const relay = createServer((client) => {
      const server = connect(Number(new URL(nats.server.url).port), '127.0.0.1')
      for (const [from, to] of [[client, server] as const, [server, client] as const])
        from
          .on('error', () => to.destroy())
          .on('close', () => to.destroy())
          .pipe(to)
    })
    relay.listen(0, BUS_ADDRESS)
    await once(relay, 'listening')
    const { port } = relay.address() as AddressInfo
    return { url: `nats://${BUS_ADDRESS}:${port}`, [Symbol.asyncDispose]: async () => void relay.close() }
  }

  start(nats: NatsLab, url: string): Process {
    const { directory } = this.#lab
    const process = this.namespace.spawn(globalThis.process.execPath, [MAIN], {
      GATEWAY: 'b',
      SITE: url,
      NKEY_SEED_FILE: nats.seedFile,
      STATE_DIR: join(directory, 'second'),
      HEALTH_FILE: join(directory, 'second.json'),
    })
    this.#running.push(process)
    return process
  }

  /** Ends what runs without asking. */
  async killAll(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((process) => process.stop('SIGKILL')))
  }

  async close(): Promise<void> {
    await this.killAll()
    await this.namespace.close()
  }
}

/** A report as a service of gateway `at` sends it. */
export const reportOf = (
  service: string,
  at: string,
  problems: readonly { code: string; message: string }[],
): Uint8Array => {
  const atMs = Date.now()
  const state = problems.length === 0 ? 'ok' : 'degraded'
  const own = { service, instance: `${at}-1`, gateway: at, version: '0', revision: 1, state, problems }
  return new TextEncoder().encode(JSON.stringify({ ...own, sinceMs: atMs, counters: {}, startedAtMs: atMs, atMs }))
}
