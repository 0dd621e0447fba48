import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Running } from '../children.ts'
import { SEGMENT_BYTES } from './udp-gso.ts'
import type { Variant } from './variants.ts'

/** USER_HZ: the unit of the times in /proc, fixed at 100 for user space. */
const TICKS_PER_S = 100

/** CPU time in seconds of a process and of the whole machine so far. */
interface CpuTimes {
  readonly processS: number
  readonly machineS: number
}

const cpuTimes = (pid: number | undefined): CpuTimes => {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number)
  const machineS = (user + nice + system + irq + softirq) / TICKS_PER_S
  if (pid === undefined) return { processS: 0, machineS }
  // proc(5): utime and stime are fields 14 and 15; the name in field 2 may hold spaces, so count from its closing bracket.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return { processS: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S, machineS }
}

/** Peak resident memory of a process in bytes. */
export const peakRssBytes = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) * 1024

interface IperfEnd {
  readonly error?: string
  readonly end: {
    readonly sum_received?: {
      readonly bits_per_second: number
      readonly bytes: number
      readonly packets?: number
      readonly lost_packets?: number
      readonly seconds: number
    }
    readonly sum?: { readonly packets: number; readonly lost_packets: number; readonly seconds: number }
  }
}

const iperf = (variant: Variant, ...parameters: string[]): IperfEnd['end'] => {
  const output = variant.lab.run('c', 'iperf3', '-c', variant.target, '-J', ...parameters)
  const { end, error } = JSON.parse(output) as IperfEnd
  // iperf3 -J ends with 0 also when it failed.
  if (error !== undefined) throw new Error(`${variant.name}: iperf3 ${parameters.join(' ')}: ${error}`)
  return end
}

/**
 * Linux's default, whatever this machine's is. BBR sends by a timer, and where the sender shares its processors with the gateway
 * the timer is late: then plain forwarding is as slow as the sender.
 */
const CONGESTION_CONTROL = ['-C', 'cubic'] as const

/** TCP goodput in bit/s, and the CPU seconds of the carrying process and of the machine for each gigabit. */
export interface TcpResult {
  readonly bitsPerS: number
  readonly processSPerGbit: number
  readonly machineSPerGbit: number
}

/** TCP for `seconds`: `up` = client to server. */
export const tcp = (variant: Variant, direction: 'up' | 'down', streams: number, seconds: number): TcpResult => {
  const before = cpuTimes(variant.pid)
  const { sum_received: sum } = iperf(
    variant,
    '-t',
    String(seconds),
    '-P',
    String(streams),
    ...CONGESTION_CONTROL,
    ...(direction === 'down' ? ['-R'] : []),
  )
  const after = cpuTimes(variant.pid)
  if (sum === undefined) throw new Error('iperf3 reported no sum_received')
  const gbit = (sum.bytes * 8) / 1e9
  return {
    bitsPerS: sum.bits_per_second,
    processSPerGbit: (after.processS - before.processS) / gbit,
    machineSPerGbit: (after.machineS - before.machineS) / gbit,
  }
}

/** UDP that arrived, in packets per second, the part that was lost, and CPU of the carrying process per packet. */
export interface UdpResult {
  readonly packetsPerS: number
  readonly lostPart: number
  readonly processUsPerPacket: number
}

/** UDP upwards with 64 bytes of payload; `packetsPerS` 0 = as fast as the client can. */
export const udp64 = (variant: Variant, packetsPerS: number, seconds: number): UdpResult => {
  const before = cpuTimes(variant.pid)
  const { sum } = iperf(variant, '-u', '-l', '64', '-b', String(packetsPerS * 64 * 8), '-t', String(seconds))
  const after = cpuTimes(variant.pid)
  if (sum === undefined) throw new Error('iperf3 reported no sum')
  const arrived = sum.packets - sum.lost_packets
  return {
    packetsPerS: arrived / sum.seconds,
    lostPart: sum.lost_packets / sum.packets,
    processUsPerPacket: ((after.processS - before.processS) * 1e6) / arrived,
  }
}

const UDP_GSO = fileURLToPath(new URL('udp-gso.ts', import.meta.url))

/** Resolves when the process printed a line that `matches`; throws with what it printed when it ends before. */
const lineOf = (running: Running, matches: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    const look = (): void => {
      const found = matches.exec(running.output())
      if (found !== null) resolve(found[0])
    }
    running.process.stdout?.on('data', look)
    running.process.once('close', () => {
      look()
      reject(new Error(`ended without ${String(matches)}: ${running.output()}`))
    })
    look()
  })

/** UDP upwards in super-packets (UDP_SEGMENT), as fast as the client can; counted as datagrams that arrived. */
export const udpGso = async (variant: Variant, seconds: number): Promise<UdpResult> => {
  const { lab } = variant
  const receiver = lab.start('s', {}, process.execPath, UDP_GSO, 'receive')
  await lineOf(receiver, /ready/)
  const before = cpuTimes(variant.pid)
  const sent = JSON.parse(lab.run('c', process.execPath, UDP_GSO, 'send', variant.target, String(seconds))) as {
    readonly bytes: number
    readonly seconds: number
  }
  const { bytes } = JSON.parse(await lineOf(receiver, /\{.*\}/)) as { readonly bytes: number }
  const after = cpuTimes(variant.pid)
  const arrived = bytes / SEGMENT_BYTES
  return {
    packetsPerS: arrived / sent.seconds,
    lostPart: 1 - bytes / sent.bytes,
    processUsPerPacket: ((after.processS - before.processS) * 1e6) / arrived,
  }
}

const NEW_HOSTS = fileURLToPath(new URL('new-hosts.ts', import.meta.url))
/** Hosts that appear at once. */
const NEW_HOST_COUNT = 2000
/** Number of the next host that no gateway has seen. */
let nextNewHost = 1

/** Hosts that get their first packet through, per second, when 2000 new ones speak at once; and the part that never does. */
export const newHosts = async (variant: Variant): Promise<{ readonly perS: number; readonly unheardPart: number }> => {
  const { lab } = variant
  const receiver = lab.start('s', {}, process.execPath, NEW_HOSTS, 'receive', String(NEW_HOST_COUNT))
  await lineOf(receiver, /ready/)
  const first = nextNewHost
  nextNewHost += NEW_HOST_COUNT
  lab.run('c', process.execPath, NEW_HOSTS, 'send', variant.target, String(NEW_HOST_COUNT), String(first))
  const result = JSON.parse(await lineOf(receiver, /\{.*\}/)) as { readonly heard: number; readonly seconds: number }
  return { perS: result.heard / result.seconds, unheardPart: 1 - result.heard / NEW_HOST_COUNT }
}

/** Of 64-byte UDP at this rate, which all variants carry without loss. */
const RESTART_LOAD_PER_S = 10_000
const RESTART_LOAD_S = 8
/** The load runs for so long before the process is killed. */
const BEFORE_KILL_MS = 1500

/** Datagrams that reached the server and found no room in iperf3's socket: lost by the server, on a machine that is busy. */
const unread = ({ lab }: Variant): number =>
  Number(/UdpRcvbufErrors\s+(\d+)/.exec(lab.run('s', 'nstat', '-asz', 'UdpRcvbufErrors'))?.[1] ?? Number.NaN)

/**
 * Datagrams that are lost on the way while the gateway's process is killed (SIGKILL) and started again under load; what the
 * server's kernel received counts as carried.
 */
export const lostWhileRestarted = async (
  variant: Variant,
  restart: () => Promise<void>,
): Promise<{ readonly lost: number; readonly sent: number }> => {
  const unreadBefore = unread(variant)
  const rate = String(RESTART_LOAD_PER_S * 64 * 8)
  const flags = ['-c', variant.target, '-u', '-l', '64', '-b', rate, '-t', String(RESTART_LOAD_S), '-i', '0']
  const load = variant.lab.start('c', {}, 'iperf3', ...flags)
  await new Promise((resolve) => setTimeout(resolve, BEFORE_KILL_MS))
  await restart()
  // "0.00-8.00 sec 4.88 MBytes 5.12 Mbits/sec 0.010 ms 0/80000 (0%) receiver"
  const line = await lineOf(load, /\d+\/\d+ \([^)]*\) +receiver/)
  const [, lost, sent] = /(\d+)\/(\d+)/.exec(line) ?? []
  // What comes behind the end of iperf3 is in the second number only.
  return { lost: Math.max(0, Number(lost) - (unread(variant) - unreadBefore)), sent: Number(sent) }
}

/** Runs `work` while both hosts hand single packets to their links, as hosts with other network cards do. */
export const withoutOffloads = <T>({ lab }: Variant, work: () => T): T => {
  const set = (state: 'on' | 'off'): void => {
    for (const [place, link] of [
      ['c', 'c0'],
      ['s', 's0'],
    ] as const)
      lab.run(place, 'ethtool', '-K', link, 'tso', state, 'gso', state, 'tx-udp-segmentation', state)
  }
  set('off')
  try {
    return work()
  } finally {
    set('on')
  }
}

/** At most this part may be lost for a rate to count as carried (RFC 2544 §26.1 asks for none; a shared machine hiccups). */
const LOSS_FREE_PART = 0.001

/** The highest offered rate, in packets per second, that arrives whole: by halving the interval, `steps` times. */
export const lossFreeUdp64 = (variant: Variant, ceiling: number, steps: number, seconds: number): number => {
  let [low, high] = [0, ceiling]
  for (let step = 0; step < steps; step++) {
    const rate = Math.round((low + high) / 2)
    const { lostPart, packetsPerS } = udp64(variant, rate, seconds)
    if (lostPart <= LOSS_FREE_PART) low = packetsPerS
    else high = rate
  }
  return low
}

const timesOf = (output: string): readonly number[] =>
  Array.from(output.matchAll(/time=([\d.]+) ms/g), (match) => Number(match[1]))

const PING_INTERVAL_S = '0.005'

/** Ping while nothing else runs: round-trip times in milliseconds. */
export const rttIdle = (variant: Variant, count: number): readonly number[] =>
  timesOf(variant.lab.run('c', 'ping', '-c', String(count), '-i', PING_INTERVAL_S, variant.target))

/** Ping while one TCP stream runs upwards: round-trip times in milliseconds. */
export const rttLoaded = (variant: Variant, count: number): readonly number[] => {
  const load = variant.lab.start('c', {}, 'iperf3', '-c', variant.target, '-t', '60', ...CONGESTION_CONTROL)
  try {
    return timesOf(variant.lab.run('c', 'ping', '-c', String(count), '-i', PING_INTERVAL_S, variant.target))
  } finally {
    load.process.kill('SIGINT')
  }
}
