import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lab, type Namespace, type Process } from '@sixgate/testkit'

/** The site document of the lab. */
export const LAB_SITE = `lan: { interface: lan0, prefix: "fd00:6:4::/64", router: "::1" }
pref64: ["64:ff9b::/96"]
nat64:
  pool4: [198.18.0.0/24]
`

const MAIN = new URL('../main.ts', import.meta.url).pathname

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
  client!: Namespace
  gateway!: Namespace
  server!: Namespace

  static async make(site = LAB_SITE): Promise<GatewayLab> {
    const made = new GatewayLab()
    const { lab } = made
    made.client = await lab.namespace('client')
    made.gateway = await lab.namespace('gateway')
    made.server = await lab.namespace('server')
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
    writeFileSync(made.siteFile, site)
    return made
  }

  /** Starts nat64 and waits until its data plane is up. */
  async start(environment: Readonly<Record<string, string>> = {}): Promise<Process> {
    const service = this.gateway.spawn(process.execPath, [MAIN], {
      SITE: `file:${this.siteFile}`,
      STATE_DIR: this.stateDir,
      LOG_LEVEL: 'debug',
      ...environment,
    })
    await service.waitFor(/data plane is up/)
    return service
  }

  async close(): Promise<void> {
    await this.lab.close()
    rmSync(this.stateDir, { recursive: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
