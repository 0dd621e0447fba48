import { join } from 'node:path'
import { type Status, parseStatus } from '@sixgate/bus'
import { Namespace, type Process } from '@sixgate/testkit'
import { parse } from 'yaml'
import { KvBucket } from '../../../../shared/bus/src/nats/kv-bucket.ts'
import { NatsLab } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { Recorder } from '../../../../shared/bus/src/testkit/recorder.ts'
import { GatewayLab } from './gateway-lab.ts'

const CLI = new URL('../../../console/src/cli.ts', import.meta.url).pathname

export interface Instance {
  readonly name: string
  readonly running: Process
}

/**
 * A site with NATS, its document published; instances of nat64 are started by the test. The test's own namespace is the gateway,
 * so that NATS is there on 127.0.0.1; else as gateway-lab.ts draws it.
 */
export class SharedLab {
  readonly gateway: GatewayLab
  readonly nats: NatsLab
  /** Of all instances, since the start. */
  readonly reports = new Recorder<Status>()
  readonly #started: Process[] = []
  #unwatch: (() => void) | undefined

  private constructor(gateway: GatewayLab, nats: NatsLab) {
    this.gateway = gateway
    this.nats = nats
  }

  static async make(site: string): Promise<SharedLab> {
    const lab = new SharedLab(await GatewayLab.make(site, Namespace.here('gateway')), await NatsLab.start())
    await lab.nats.makeBuckets('hosts')
    await lab.nats.publish(JSON.stringify(parse(site)))
    const bucket = new KvBucket(await lab.nats.connectedLink(), 'status')
    lab.#unwatch = bucket.watch(({ operation, value }) => {
      const status = operation === 'put' ? parseStatus(value) : undefined
      if (status !== undefined) lab.reports.add(status)
    })
    return lab
  }

  /** One more instance, with a state directory of its own: what it knows of others comes over NATS. */
  async start(): Promise<Instance> {
    const folder = join(this.gateway.stateDir, `instance-${this.#started.length}`)
    const running = this.gateway.spawn({
      SITE: this.nats.server.url,
      NKEY_SEED_FILE: this.nats.seedFile,
      STATE_DIR: folder,
      HEALTH_FILE: `${folder}.json`,
    })
    this.#started.push(running)
    await running.waitFor(/data plane is up/)
    const [, name = ''] = await running.waitFor(/"instance":"([^"]+)"/)
    return { name, running }
  }

  /** Waits until the instance has carried packets both ways. */
  async carries({ name }: Instance): Promise<void> {
    await this.reports.until((reports) =>
      reports.some(
        ({ instance, counters }) =>
          instance === name &&
          (counters['translated_6to4_packets_total'] ?? 0) > 0 &&
          (counters['translated_4to6_packets_total'] ?? 0) > 0,
      ),
    )
  }

  /** Starts the owner's command. */
  sixgate(...args: readonly string[]): Process {
    const access = { SITE: this.nats.server.url, NKEY_SEED_FILE: this.nats.seedFile }
    return Namespace.here().spawn(process.execPath, [CLI, ...args], access)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unwatch?.()
    // The test's own namespace ends later than the lab.
    await Promise.all(this.#started.map((running) => running.stop()))
    await this.gateway.close()
    await this.nats[Symbol.asyncDispose]()
    Namespace.here().runSync('ip', 'link', 'delete', 'nat64')
  }
}
