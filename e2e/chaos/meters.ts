import { spawn } from 'node:child_process'
import { capture } from '../harness/capture.ts'
import { docker, ROOT } from '../harness/engine.ts'
import { inNetns } from '../harness/netns.ts'
import { CLIENT, WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped, ROUTER } from '../transcript/facts.ts'

/** What became of requests of one kind. */
export interface Meter {
  readonly sent: number
  readonly lost: number
  /** Answered, but not with what is true. */
  readonly wrong: number
  /** The longest time between two good answers. */
  readonly longestGapMs: number
}

/** What the probe in the client saw. */
export interface Seen {
  readonly ping: Meter
  readonly udp: Meter
  readonly dns: Meter
  /** New TCP connections. */
  readonly http: Meter
  /** One TCP connection for all the time. */
  readonly download: { readonly survived: boolean; readonly stalledMs: number }
}

export const KINDS = ['ping', 'udp', 'dns', 'http'] as const
export type Kind = (typeof KINDS)[number]

export interface Measured extends Seen {
  /** Router Advertisements that withdrew the default route. */
  readonly lifetimeZero: number
}

/** RFC 4861 §4.2: type 134, Router Lifetime in octets 6 and 7. */
const LIFETIME_ZERO = 'icmp6 and ip6[40] == 134 and ip6[46:2] == 0'

/**
 * Traffic of all kinds in the client, known to run when this resolves; `finish` ends it and tells what it saw. `resumeS`: how long the one connection
 * may need to go on.
 */
export const startMeters = async (resumeS: number): Promise<{ finish(): Promise<Measured> }> => {
  const pid = Number(await docker(['inspect', '-f', '{{.State.Pid}}', CLIENT]))
  const withdrawals = await capture({ pid }, 'eth0', 'in', LIFETIME_ZERO)
  const words = [String(resumeS), mapped(WEB_ADDRESSES[0]), ROUTER, ...WEB_ADDRESSES.map(mapped)]
  const [file = '', ...argv] = inNetns({ pid }, [process.execPath, `${ROOT}e2e/chaos/probe.ts`, ...words])
  const child = spawn(file, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  const { promise: runs, resolve } = Promise.withResolvers<void>()
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('running\n')) resolve()
  })
  child.on('close', () => {
    end()
    resolve()
  })
  await runs
  return {
    finish: async () => {
      child.kill('SIGINT')
      await ended
      const line = text.split('\n').find((one) => one.startsWith('{'))
      if (line === undefined) throw new Error(`the probe in the client ended without a word: ${text}`)
      return { ...(JSON.parse(line) as Seen), lifetimeZero: (await withdrawals.stop()).length }
    },
  }
}
