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

/** How long good answers of one kind took; undefined: there was none. */
export interface Latency {
  readonly answers: number
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

/** What the probe in the client saw. */
export interface Seen {
  /** Names over TCP, each over a connection of its own. */
  readonly dnsOverTcp: Meter
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
export type Latencies = Readonly<Record<Kind, Latency>>

export interface Measured extends Seen {
  /** Router Advertisements that withdrew the default route. */
  readonly lifetimeZero: number
}

/** RFC 4861 §4.2: type 134, Router Lifetime in octets 6 and 7. */
const LIFETIME_ZERO = 'icmp6 and ip6[40] == 134 and ip6[46:2] == 0'

/** Traffic of all kinds that runs. */
export interface Meters {
  /** How long answers took since the traffic began or this was asked last. */
  latencies(): Promise<Latencies>
  /** Ends it and tells what it saw. */
  finish(): Promise<Measured>
}

/**
 * Traffic of all kinds in the client, known to run when this resolves. `resumeS`: how long the one connection may need to go on. `everyMs`:
 * between two pings, datagrams, and questions for names.
 */
export const startMeters = async (resumeS: number, everyMs = 100): Promise<Meters> => {
  const pid = Number(await docker(['inspect', '-f', '{{.State.Pid}}', CLIENT]))
  const withdrawals = await capture({ pid }, 'eth0', 'in', LIFETIME_ZERO)
  const words = [String(resumeS), String(everyMs), mapped(WEB_ADDRESSES[0]), ROUTER, ...WEB_ADDRESSES.map(mapped)]
  const [file = '', ...argv] = inNetns({ pid }, [process.execPath, `${ROOT}e2e/chaos/probe.ts`, ...words])
  const child = spawn(file, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => undefined)
  let text = ''
  let windowSeen: ((line: string) => void) | undefined
  const { promise: runs, resolve } = Promise.withResolvers<void>()
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('running\n')) resolve()
    const window = /^window (.*)\n/m.exec(text)
    if (window === null) return
    text = text.replace(window[0], '')
    windowSeen?.(window[1] ?? '')
  })
  child.on('close', () => {
    end()
    resolve()
  })
  await runs
  return {
    latencies: async () => {
      const { promise, resolve: take } = Promise.withResolvers<string>()
      windowSeen = take
      child.stdin.write('window\n')
      void ended.then(() => take(''))
      const line = await promise
      if (line === '') throw new Error(`the probe in the client ended: ${text}`)
      return JSON.parse(line) as Latencies
    },
    finish: async () => {
      child.kill('SIGINT')
      await ended
      const line = text.split('\n').find((one) => one.startsWith('{'))
      if (line === undefined) throw new Error(`the probe in the client ended without a word: ${text}`)
      return { ...(JSON.parse(line) as Seen), lifetimeZero: (await withdrawals.stop()).length }
    },
  }
}
