import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Health } from '@sixgate/obs'
import { Process } from '@sixgate/testkit'

const FIXTURE = join(import.meta.dirname, 'fixture-service.ts')

/** JSON text of a site document that makes the fixture service behave, see BEHAVIOUR. It is YAML too. */
export const siteDocument = (port = 1000): string =>
  JSON.stringify({
    lan: { interface: 'lan0', prefix: 'fd00:6:4::/64' },
    pref64: ['64:ff9b::/96'],
    nat64: { pool4: ['198.18.0.0/16'] },
    firewall: { inbound: [{ protocol: 'tcp', port }] },
  })

/** The fixture service as a process with the environment given. */
export class ServiceProcess {
  readonly process: Process
  readonly #healthFile: string

  /** `privileges`: options of setpriv, e.g. to take capabilities away; `args`: of the service. */
  constructor(
    directory: string,
    environment: Readonly<Record<string, string>>,
    { privileges = [], args = [] }: { privileges?: readonly string[]; args?: readonly string[] } = {},
  ) {
    this.#healthFile = join(directory, `health-${Math.random().toString(36).slice(2)}.json`)
    const env = {
      PATH: process.env.PATH,
      STATE_DIR: join(directory, 'state'),
      HEALTH_FILE: this.#healthFile,
      ...environment,
    }
    const child = spawn('setpriv', [...privileges, '--pdeathsig', 'KILL', '--', process.execPath, FIXTURE, ...args], {
      env,
    })
    this.process = new Process(child, 'fixture service')
  }

  /** Waits for a line of its log with this message. */
  async logged(message: RegExp): Promise<void> {
    await this.process.waitFor(new RegExp(`"msg":"[^\n]*${message.source}`))
  }

  /** The messages that it logged so far. */
  get messages(): string[] {
    return [...this.process.output.stdout.matchAll(/"msg":"((?:[^"\\]|\\.)*)"/g)].map(([, message]) => message ?? '')
  }

  get health(): Health {
    return JSON.parse(readFileSync(this.#healthFile, 'utf8')) as Health
  }

  /** Ends it by SIGTERM; returns the exit status. */
  async terminate(): Promise<number> {
    return await this.process.stop('SIGTERM')
  }
}
