import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { percentile } from '../nat64/table.ts'
import type { Lab } from './lab.ts'
import type { Server } from './servers.ts'

/** What is asked, and how. */
export interface Load {
  /** `v4` names have only A records, `v6` names native AAAA records. */
  readonly kind: 'v4' | 'v6'
  readonly type: 'A' | 'AAAA'
  readonly transport: 'udp' | 'tcp'
  readonly edns: boolean
}

/** Nanoseconds of processor time of all threads so far (sched(7): the first field of schedstat). */
const cpuNs = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce(
    (sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
    0,
  )

/** Resident and peak memory of a process in bytes. */
export const rssBytes = (pid: number): { now: number; peak: number } => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kb = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN)
  return { now: kb('VmRSS') * 1024, peak: kb('VmHWM') * 1024 }
}

/** Names that are asked again and again. */
const HOT = 1000
/** Which processor dnsperf gets. */
const PROCESSOR = '1'

const file = join(tmpdir(), `bench-dns-queries-${process.pid}`)
let serial = 0

const perf = (lab: Lab, server: Server, load: Load, ...parameters: string[]): string =>
  lab.run(
    'c',
    'taskset',
    '-c',
    PROCESSOR,
    'dnsperf',
    '-s',
    server.address,
    '-m',
    load.transport,
    '-d',
    file,
    '-T',
    '1',
    ...(load.edns ? ['-e'] : []),
    ...parameters,
  )

const writeNames = (load: Load, names: Iterable<string>): void => {
  writeFileSync(file, Array.from(names, (name) => `${name}.${load.kind}.bench ${load.type}\n`).join(''))
}

/** Removes the file that names were written to. */
export const removeNames = (): void => rmSync(file, { force: true })

const hotNames = (): string[] => Array.from({ length: HOT }, (_, i) => `hot${i}`)
/** Names that nobody asked for before. */
const freshNames = (count: number): string[] => {
  serial++
  return Array.from({ length: count }, (_, i) => `n${serial}-${i}-${process.pid}`)
}

const number = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)

/** What a load cost and gave. */
export interface Result {
  readonly qps: number
  readonly cpuUsPerQuery: number
  readonly lostPart: number
}

const timed = (server: Server, run: () => string): Result => {
  const before = cpuNs(server.pid)
  const output = run()
  const cpu = cpuNs(server.pid) - before
  const completed = number(output, /Queries completed:\s+(\d+)/)
  const noError = number(output, /NOERROR (\d+)/)
  // A server that answers something else is fast at it.
  if (!(noError >= completed * 0.999)) throw new Error(`${server.name}: not all answers are NOERROR\n${output}`)
  return {
    qps: number(output, /Queries per second:\s+([\d.]+)/),
    cpuUsPerQuery: cpu / 1000 / completed,
    lostPart: number(output, /Queries lost:\s+(\d+)/) / number(output, /Queries sent:\s+(\d+)/),
  }
}

/** Answers from the cache: HOT names, as fast as the server can, `seconds` long. */
export const hits = (lab: Lab, server: Server, load: Load, seconds: number): Result => {
  writeNames(load, hotNames())
  perf(lab, server, load, '-n', '2', '-q', '50')
  return timed(server, () => perf(lab, server, load, '-l', String(seconds), '-q', '100', '-c', '4'))
}

/** Answers from upstream: names that were never asked, `count` of them. */
export const misses = (lab: Lab, server: Server, load: Load, count: number): Result => {
  writeNames(load, freshNames(count))
  return timed(server, () => perf(lab, server, load, '-n', '1', '-q', '100', '-c', '4'))
}

/** Milliseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** Latency at a fixed rate, well below what any of the servers can do. */
export const latency = (
  lab: Lab,
  server: Server,
  load: Load,
  how: { fresh: boolean; qps: number; count: number },
): Latency => {
  writeNames(load, how.fresh ? freshNames(how.count) : Array.from({ length: how.count }, (_, i) => `hot${i % HOT}`))
  const output = perf(lab, server, load, '-n', '1', '-Q', String(how.qps), '-v')
  const times = Array.from(output.matchAll(/^> \S+ \S+ \S+ ([\d.]+)$/gm), (match) => Number(match[1]) * 1e3)
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}

/** Asks for `count` distinct names, in parts; returns peak resident memory. */
export const distinctNames = (lab: Lab, server: Server, count: number): number => {
  const load: Load = { kind: 'v4', type: 'AAAA', transport: 'udp', edns: true }
  const part = 100_000
  for (let done = 0; done < count; done += part) {
    writeNames(load, freshNames(Math.min(part, count - done)))
    perf(lab, server, load, '-n', '1', '-q', '200', '-c', '4')
  }
  return rssBytes(server.pid).peak
}
