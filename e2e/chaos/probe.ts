/**
 * What an IPv6-only host does all day, in the client's network namespace: ping, datagrams to a server of the IPv4 world, names, new TCP connections and one
 * that stays. Started by meters.ts; a line on stdin makes it print how long answers took since the line before (`Latencies`); at SIGINT it prints one
 * line of JSON (`Seen`) and ends.
 */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { get } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { SLOWNESS } from '@sixgate/testkit'
import { DNS_ADDRESS, WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { aaaaQuery, readAnswer } from './dns.ts'
import type { Latencies, Latency, Meter, Seen } from './meters.ts'

const [patience = '', interval = '', server = '', resolver = '', ...known] = process.argv.slice(2)
const udpServer = mapped(DNS_ADDRESS)

/** Between two of a kind. */
const EVERY_MS = Number(interval)
/** How long an answer may take before it counts as lost. */
const PATIENCE_MS = 2000 * SLOWNESS
/** An answer that came later than this is none that was only under way. */
const UNDER_WAY_MS = 200

class Tally implements Meter {
  sent = 0
  lost = 0
  wrong = 0
  longestGapMs = 0
  #okAtMs = performance.now()
  #latenciesMs: number[] = []

  ok(latencyMs: number): void {
    this.#latenciesMs.push(latencyMs)
    const nowMs = performance.now()
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#okAtMs)
    this.#okAtMs = nowMs
  }

  /** Nothing more is asked: what has not come back until now counts. */
  close(): void {
    this.longestGapMs = Math.max(this.longestGapMs, performance.now() - this.#okAtMs)
  }

  /** Of the good answers since it was asked last. */
  takeLatency(): Latency {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b)
    this.#latenciesMs = []
    const quantile = (share: number): number | undefined => sorted[Math.floor(share * sorted.length)]
    return { answers: sorted.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
  }
}

const tallies = { ping: new Tally(), udp: new Tally(), dns: new Tally(), http: new Tally(), dnsOverTcp: new Tally() }
const timers: NodeJS.Timeout[] = []
const every = (ms: number, work: () => void): unknown => timers.push(setInterval(work, ms))

/** Sends what `ask` makes under a number of its own; `numberOf` finds that number in an answer. */
const datagrams = (
  tally: Tally,
  [address, port, everyMs]: readonly [string, number, number],
  ask: (id: number) => Uint8Array,
  judge: (answer: Buffer) => { id: number; verdict: 'ok' | 'wrong' | 'failed' } | undefined,
): void => {
  const socket = createSocket('udp6')
  const waiting = new Map<number, { timer: NodeJS.Timeout; sentMs: number }>()
  let next = 1
  socket.on('error', () => undefined)
  socket.on('message', (answer) => {
    const judged = judge(answer)
    const asked = judged === undefined ? undefined : waiting.get(judged.id)
    if (judged === undefined || asked === undefined) return
    clearTimeout(asked.timer)
    waiting.delete(judged.id)
    if (judged.verdict === 'ok') tally.ok(performance.now() - asked.sentMs)
    else if (judged.verdict === 'wrong') tally.wrong += 1
    else tally.lost += 1
  })
  every(everyMs, () => {
    const id = next
    next = (next % 65_535) + 1
    tally.sent += 1
    const timer = setTimeout(() => {
      waiting.delete(id)
      tally.lost += 1
    }, PATIENCE_MS)
    waiting.set(id, { timer, sentMs: performance.now() })
    socket.send(ask(id), port, address, () => undefined)
  })
}

// Through the translation: a name server of the IPv4 world, which answers datagrams as fast as they come.
datagrams(
  tallies.udp,
  [udpServer, 53, EVERY_MS],
  (id) => aaaaQuery(id, 'www.example'),
  (packet) => {
    const answer = readAnswer(packet)
    return answer && { id: answer.id, verdict: answer.rcode === 0 && answer.name === 'www.example' ? 'ok' : 'wrong' }
  },
)

/** Every other name is one that nobody has asked for: it goes upstream and does not exist. */
const NXDOMAIN = 3
const SERVFAIL = 2
let fresh = 0
datagrams(
  tallies.dns,
  [resolver, 53, EVERY_MS],
  (id) => {
    return aaaaQuery(id, id % 2 === 0 ? 'www.example' : `n${process.pid}-${++fresh}.example`)
  },
  (packet) => {
    const answer = readAnswer(packet)
    if (answer === undefined) return undefined
    const { id, name, rcode, isTruncated, addresses } = answer
    if (rcode === SERVFAIL || isTruncated) return { id, verdict: 'failed' }
    const isRight =
      name === 'www.example'
        ? addresses.length === 3 && addresses.every((one) => known.includes(one))
        : rcode === NXDOMAIN
    return { id, verdict: isRight ? 'ok' : 'wrong' }
  },
)

/** RFC 7766 §6.2.1: one question for each connection is the least that a server meets. */
every(5 * EVERY_MS, () => {
  const { dnsOverTcp } = tallies
  dnsOverTcp.sent += 1
  const sentAtMs = performance.now()
  const query = aaaaQuery(dnsOverTcp.sent % 65_536, 'www.example')
  const socket = connect({ host: resolver, port: 53 }, () => {
    socket.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 0xff), query]))
  })
  let got = Buffer.alloc(0)
  let isDone = false
  const end = (isOk: boolean): void => {
    if (isDone) return
    isDone = true
    if (isOk) dnsOverTcp.ok(performance.now() - sentAtMs)
    else dnsOverTcp.lost += 1
    socket.destroy()
  }
  socket.setTimeout(PATIENCE_MS, () => end(false))
  socket.on('data', (chunk: Buffer) => {
    got = Buffer.concat([got, chunk])
    if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0))
      end(readAnswer(got.subarray(2))?.addresses.length === 3)
  })
  socket.on('error', () => end(false))
  socket.on('close', () => end(false))
})

every(5 * EVERY_MS, () => {
  const { http } = tallies
  http.sent += 1
  const sentMs = performance.now()
  const request = get({ host: server, path: '/', agent: false, timeout: PATIENCE_MS }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    response.on('end', () => (text.startsWith('Hello ') ? http.ok(performance.now() - sentMs) : (http.wrong += 1)))
  })
  request.on('timeout', () => request.destroy(new Error('timeout')))
  request.on('error', () => (http.lost += 1))
})

// One connection for all the time: a download at 512 KiB/s, asked for again just before its end.
const FILE_BYTES = 64 * 1024 * 1024
let loadedBytes = 0
let asked = 1
let stayed = true
const askForFile = (): unknown => download.write(`GET /slow HTTP/1.1\r\nHost: ${WEB_ADDRESSES[0]}\r\n\r\n`)
const download = connect({ host: server, port: 80 }, askForFile)
download.on('data', (chunk: Buffer) => {
  loadedBytes += chunk.length
  if (loadedBytes < asked * FILE_BYTES) return
  asked += 1
  askForFile()
})
download.on('error', () => (stayed = false))
download.on('close', () => (stayed = false))
let loadedBefore = 0
let movedAtMs = performance.now()
let stalledMs = 0
every(100, () => {
  const nowMs = performance.now()
  if (loadedBytes > loadedBefore) movedAtMs = nowMs
  stalledMs = Math.max(stalledMs, nowMs - movedAtMs)
  loadedBefore = loadedBytes
})

// Linux's ping alone knows ICMP without a raw socket of ours; -O says at once what got no answer in time.
const ping = spawn('ping', ['-6', '-n', '-O', '-i', String(EVERY_MS / 1000), server], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
let pinged = ''
const answered = new Set<number>()
ping.stdout.setEncoding('utf8').on('data', (text: string) => {
  pinged += text
  const lines = pinged.split('\n')
  pinged = lines.pop() ?? ''
  for (const line of lines) {
    const [, seq, ms] = /bytes from .*icmp_seq=(\d+).* time=([\d.]+) ms/.exec(line) ?? []
    if (seq !== undefined) {
      answered.add(Number(seq))
      tallies.ping.ok(Number(ms))
    }
    const [, sent] = /^(\d+) packets transmitted/.exec(line) ?? []
    if (sent !== undefined) tallies.ping.sent = Number(sent)
  }
})

/** How long a connection that stands may need to go on. */
const RESUME_MS = Number(patience) * 1000
const nowLoaded = (): number => loadedBytes
const isOpen = (): boolean => stayed
const hasResumed = async (): Promise<boolean> => {
  const [before, endMs] = [nowLoaded(), performance.now() + RESUME_MS]
  while (isOpen() && performance.now() < endMs) {
    await pause(200)
    if (nowLoaded() > before) return true
  }
  return false
}

const finish = async (): Promise<void> => {
  for (const timer of timers) clearInterval(timer)
  for (const tally of Object.values(tallies)) tally.close()
  ping.kill('SIGINT')
  // What is under way gets its time.
  await pause(PATIENCE_MS + 500)
  // SIGINT does not wait for answers that are under way: what was sent last, within the patience of a moment, is not counted.
  const lastAnswered = Math.max(0, ...answered)
  if (tallies.ping.sent - lastAnswered <= UNDER_WAY_MS / EVERY_MS) tallies.ping.sent = lastAnswered
  tallies.ping.lost = Math.max(0, tallies.ping.sent - answered.size)
  const seen: Seen = { ...tallies, download: { survived: await hasResumed(), stalledMs } }
  process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit())
}
process.once('SIGINT', () => void finish())
process.stdin.on('data', () => {
  const { ping, udp, dns, http } = tallies
  const latencies: Latencies = {
    ping: ping.takeLatency(),
    udp: udp.takeLatency(),
    dns: dns.takeLatency(),
    http: http.takeLatency(),
  }
  process.stdout.write(`window ${JSON.stringify(latencies)}\n`)
})
process.stdout.write('running\n')
