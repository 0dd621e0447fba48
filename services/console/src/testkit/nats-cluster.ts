import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type NatsSite, openNats, type ServiceName } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { Process } from '@sixgate/testkit'
import { parse } from 'yaml'
import { generateKeys } from '../io/key-files.ts'

const DEPLOY = fileURLToPath(new URL('../../../../deploy', import.meta.url))
const NAMES = ['a', 'b', 'c'] as const
/** What deploy/compose.two.yml sets of the environment of a server, but for its name. */
const environment = (): Readonly<Record<string, string>> => {
  const { services } = parse(readFileSync(join(DEPLOY, 'compose.two.yml'), 'utf8')) as {
    services: { nats: { environment: Readonly<Record<string, string | number>> } }
  }
  const { SERVER_NAME: _, ...rest } = services.nats.environment
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]))
}
type Name = (typeof NAMES)[number]

/** Ports of 127.0.0.1 that are free now, all different. */
const freePorts = async (count: number): Promise<number[]> => {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      async (server) =>
        await new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address()
            resolve(typeof address === 'object' && address !== null ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))))
  return ports
}

/**
 * Three NATS servers with deploy/nats.conf, deploy/nats-cluster.conf and the environment of deploy/compose.two.yml, ports and folders of their own, the keys of
 * deploy/cluster-keys.sh between them, and keys of the services for each, as three machines have.
 */
export class NatsCluster {
  readonly #directory = mkdtempSync(join(tmpdir(), 'sixgate-cluster-'))
  readonly #clientPorts = new Map<Name, number>()
  readonly #monitorPorts = new Map<Name, number>()
  readonly #routes: string
  readonly #running = new Map<Name, Process>()
  readonly #opened: NatsSite[] = []

  private constructor(ports: readonly number[]) {
    const certificates = join(this.#directory, 'certificates')
    const addresses = NAMES.map((name) => `${name}=127.0.0.1`)
    execFileSync(join(DEPLOY, 'cluster-keys.sh'), [certificates, ...addresses])
    this.#routes = NAMES.map((_, index) => `nats-route://127.0.0.1:${ports[index]}`).join()
    for (const [index, name] of NAMES.entries()) {
      const [client, monitor] = [ports[3 + index] ?? 0, ports[6 + index] ?? 0]
      this.#clientPorts.set(name, client)
      this.#monitorPorts.set(name, monitor)
      const own = join(this.#directory, name)
      mkdirSync(own)
      generateKeys(join(own, 'keys'))
      const alone = readFileSync(join(DEPLOY, 'nats.conf'), 'utf8')
        .replace('port: 4222', `port: ${client}`)
        .replace('127.0.0.1:8222', `127.0.0.1:${monitor}`)
        .replace('"keys/auth.conf"', '"keys/nats/auth.conf"')
      const cluster = readFileSync(join(DEPLOY, 'nats-cluster.conf'), 'utf8')
        .replace('/data/cluster', join(own, 'data'))
        .replace('0.0.0.0:6222', `127.0.0.1:${ports[index]}`)
        .replaceAll('/etc/nats/cluster', join(certificates, name))
      writeFileSync(join(own, 'nats.conf'), alone)
      writeFileSync(join(own, 'cluster.conf'), cluster)
    }
  }

  /** `names`: the servers that run; the others can be started later. */
  static async start(names: readonly Name[] = NAMES): Promise<NatsCluster> {
    const cluster = new NatsCluster(await freePorts(9))
    await Promise.all(names.map(async (name) => await cluster.start(name)))
    return cluster
  }

  /** Starts a server that does not run. */
  async start(name: Name): Promise<void> {
    const file = join(this.#directory, name, 'cluster.conf')
    const argv = ['--pdeathsig', 'KILL', '--', 'nats-server', '--config', file, '--routes', this.#routes]
    const env = { PATH: process.env.PATH, ...environment(), SERVER_NAME: name }
    const running = new Process(spawn('setpriv', argv, { env }), `nats-server ${name}`)
    this.#running.set(name, running)
    await running.waitFor(/Server is ready/)
  }

  async kill(name: Name, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#running.get(name)?.stop(signal)
    this.#running.delete(name)
  }

  /** What a server's monitoring answers to a path, as Docker asks for its health: the status of HTTP. */
  async health(name: Name, path: string): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.#monitorPorts.get(name)}${path}`)).status
  }

  /** What a server logged since it was started. */
  log(name: Name): string {
    return this.#running.get(name)?.output.stderr ?? ''
  }

  /** A service of that machine, connected to the server there. */
  async connect(name: Name, service: ServiceName): Promise<NatsSite> {
    const nats = openNats({
      url: `nats://127.0.0.1:${this.#clientPorts.get(name)}`,
      seedFile: join(this.#directory, name, 'keys', service, 'seed'),
      service,
      instance: name,
      gateway: name,
      log: createLogger({ service, instance: name, level: 'silent' }),
    })
    this.#opened.push(nats)
    if (!(await nats.link.ready(20_000))) throw new Error(`${service}: ${nats.link.complaint}`)
    return nats
  }

  /** Another authority's certificate in the place of a server's own. */
  forge(name: Name): void {
    const folder = join(this.#directory, 'forged')
    execFileSync(join(DEPLOY, 'cluster-keys.sh'), [folder, `${name}=127.0.0.1`])
    const file = join(this.#directory, name, 'cluster.conf')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replaceAll(join(this.#directory, 'certificates', name), join(folder, name)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map(async (nats) => await nats.link.close()))
    await Promise.all([...this.#running.values()].map(async (running) => await running.stop('SIGKILL')))
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
