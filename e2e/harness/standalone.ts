import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Home } from '../topologies/home.ts'
import { ROOT } from './engine.ts'
import { inNetns } from './netns.ts'

/** The services that run without NATS; the console is there for publishing only. */
export const STANDALONE = ['nat44-firewall', 'nat64', 'dns64', 'ra-advertiser'] as const
export type StandaloneName = (typeof STANDALONE)[number]

/** A service as a plain process on the Pi, started with `SITE=file:`. */
export interface StandaloneService {
  readonly name: StandaloneName
  /** Everything it has written: its log. */
  log(): string
  /** Rejects, with its log, when it ends without being asked to. */
  readonly crashed: Promise<never>
  /** SIGTERM, then its exit code; a signal's end counts as −1. */
  stop(): Promise<number>
}

/** Starts `SITE=file:site.yaml node services/<name>/src/main.ts` in the Pi's namespace; all read the one document in siteDir. */
export async function startStandalone(home: Home, name: StandaloneName): Promise<StandaloneService> {
  const dir = join(home.siteDir, name)
  await mkdir(dir, { recursive: true })
  const env = {
    ...process.env,
    SITE: `file:${join(home.siteDir, 'site.yaml')}`,
    STATE_DIR: dir,
    HEALTH_FILE: join(dir, 'health.json'),
    // A plain process would read this machine's own.
    RESOLV_CONF: home.resolvConf,
  }
  const [file = '', ...args] = inNetns(home.piNetns, [process.execPath, `services/${name}/src/main.ts`])
  const child: ChildProcess = spawn(file, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  }
  const closed = once(child, 'close')
  let asked = false
  const crash = Promise.withResolvers<never>()
  crash.promise.catch(() => {}) // Nobody has to look.
  void closed.then(() => asked || crash.reject(new Error(`${name} has ended:\n${log}`)))
  return {
    name,
    log: () => log,
    crashed: crash.promise,
    stop: async () => {
      asked = true
      child.kill('SIGTERM')
      const [code] = (await closed) as [number | null]
      return code ?? -1
    },
  }
}
