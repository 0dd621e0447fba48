import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp6, formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import fc from 'fast-check'
import {
  contentChanged,
  due,
  finalTimes,
  type Intervals,
  nextWakeMs,
  RFC4861,
  type Schedule,
  type Send,
  solicit,
  startSchedule,
  UNICAST_ANSWERS_MAX,
} from './schedule.ts'

const DEFAULTS: Intervals = { minMs: 198_000, maxMs: 600_000 }
const HOST = parseIp6('fe80::1') ?? assert.fail()
const OTHER = parseIp6('fe80::2') ?? assert.fail()
const always = (value: number) => (): number => value

interface Sent extends Send {
  readonly atMs: number
}

/** Plays the schedule as the service does: wakes at nextWakeMs and sends what is due, up to `untilMs`. */
class Player {
  schedule: Schedule
  readonly sent: Sent[] = []
  readonly #random: () => number

  constructor(schedule: Schedule, random: () => number) {
    this.schedule = schedule
    this.#random = random
  }

  runTo(untilMs: number): void {
    for (let wakeMs = nextWakeMs(this.schedule); wakeMs <= untilMs; wakeMs = nextWakeMs(this.schedule)) {
      const step = due(this.schedule, { nowMs: wakeMs, random: this.#random })
      assert.ok(step.sends.length > 0, 'woke for nothing')
      this.sent.push(...step.sends.map((send) => ({ ...send, atMs: wakeMs })))
      this.schedule = step.schedule
    }
  }

  solicitAt(nowMs: number, from: Ip6 | undefined): void {
    this.runTo(nowMs)
    this.schedule = solicit(this.schedule, from, { nowMs, random: this.#random })
  }

  toAllNodes(): number[] {
    return this.sent.filter(({ to }) => to === undefined).map(({ atMs }) => atMs)
  }
}

/** A player whose burst is over; the last message went out at time 0 and the next unsolicited one is far away. */
const quiet = (random: () => number): Player => {
  const schedule: Schedule = {
    ...startSchedule(DEFAULTS, 0),
    burstLeft: 0,
    unsolicitedAtMs: 400_000,
    lastMulticastMs: 0,
  }
  return new Player(schedule, random)
}

test('RFC 4861 §6.2.4: the first message at once, the first three at most 16 s apart, then between Min and Max', () => {
  const player = new Player(startSchedule(DEFAULTS, 1000), always(0.5))
  player.runTo(1_000_000)
  assert.deepEqual(player.toAllNodes(), [1000, 17_000, 33_000, 432_000, 831_000])
  assert.ok(player.sent.every(({ reason }) => reason === 'unsolicited'))
})

test('RFC 4861 §6.2.4: a drawn interval below 16 s stays as it is in the burst', () => {
  const player = new Player(startSchedule({ minMs: 3000, maxMs: 4000 }, 0), always(0.5))
  player.runTo(11_000)
  assert.deepEqual(player.toAllNodes(), [0, 3500, 7000, 10_500])
})

test('RFC 4861 §6.2.4: the interval is uniform between MinRtrAdvInterval and MaxRtrAdvInterval', () => {
  for (const [chance, expected] of [
    [0, 198_000],
    [0.25, 298_500],
    [0.999_999, 599_999.598],
  ] as const) {
    const player = quiet(always(chance))
    player.runTo(400_000)
    assert.equal(nextWakeMs(player.schedule), 400_000 + expected)
  }
})

test('RFC 4861 §6.2.4: after a change three more at most 16 s apart, the first not before MIN_DELAY_BETWEEN_RAS', () => {
  const player = new Player(startSchedule(DEFAULTS, 0), always(0.5))
  player.runTo(100_000)
  player.schedule = { ...player.schedule, lastMulticastMs: 99_000 }
  player.schedule = contentChanged(player.schedule, { minMs: 300_000, maxMs: 400_000 }, 100_000)
  player.runTo(600_000)
  assert.deepEqual(player.toAllNodes().slice(3), [102_000, 118_000, 134_000, 484_000])
})

test('a change long after the last message is announced at once', () => {
  const player = quiet(always(0.5))
  player.schedule = contentChanged(player.schedule, DEFAULTS, 50_000)
  assert.equal(nextWakeMs(player.schedule), 50_000)
})

test('RFC 4861 §6.2.6: an interface that comes back within 3 s of its last message waits for the rest', () => {
  assert.equal(nextWakeMs(startSchedule(DEFAULTS, 10_000, 9_000)), 12_000)
  assert.equal(nextWakeMs(startSchedule(DEFAULTS, 13_000, 9_000)), 13_000)
})

test('RFC 4861 §6.2.6: an answer is delayed by a random time between 0 and MAX_RA_DELAY_TIME', () => {
  for (const chance of [0, 0.5, 0.999]) {
    const player = quiet(always(chance))
    player.solicitAt(10_000, undefined)
    player.runTo(20_000)
    assert.deepEqual(player.sent, [{ to: undefined, reason: 'solicited', atMs: 10_000 + chance * 500 }])
  }
})

test('RFC 7772 §5.1: a host that has an address is answered alone', () => {
  const player = quiet(always(0.5))
  player.solicitAt(10_000, HOST)
  player.runTo(20_000)
  assert.deepEqual(player.sent, [{ to: HOST, reason: 'solicited', atMs: 10_250 }])
  assert.equal(nextWakeMs(player.schedule), 400_000, 'a unicast answer does not move the unsolicited ones')
})

test('RFC 4861 §6.2.6: a multicast answer resets the interval timer', () => {
  const player = quiet(always(0))
  player.solicitAt(10_000, undefined)
  player.runTo(10_000)
  assert.equal(nextWakeMs(player.schedule), 10_000 + DEFAULTS.minMs)
})

test('RFC 4861 §6.2.6: within 3 s of the last multicast message the answer goes out 3 s plus the delay after it', () => {
  const player = quiet(always(0.5))
  player.solicitAt(1_000, undefined)
  player.runTo(20_000)
  assert.deepEqual(player.toAllNodes(), [3_250])
})

test('RFC 4861 §6.2.6: an already scheduled message that comes earlier is the answer', () => {
  const player = quiet(always(0.9))
  player.solicitAt(399_900, HOST)
  player.solicitAt(399_950, undefined)
  player.runTo(400_500)
  assert.deepEqual(player.sent, [{ to: undefined, reason: 'unsolicited', atMs: 400_000 }])
})

test('RFC 4861 §6.2.6: one answer to several solicitations, its delay counts from the first', () => {
  const chances = [0.8, 0.1, 0.9]
  const player = quiet(() => chances.shift() ?? 0)
  player.solicitAt(10_000, undefined)
  player.solicitAt(10_100, undefined)
  player.solicitAt(10_200, undefined)
  player.runTo(20_000)
  assert.deepEqual(player.sent, [{ to: undefined, reason: 'solicited', atMs: 10_400 }])
})

test('a host that asks again while its answer waits gets one answer; another host gets its own', () => {
  const chances = [0.8, 0.1, 0.2]
  const player = quiet(() => chances.shift() ?? 0)
  player.solicitAt(10_000, HOST)
  player.solicitAt(10_010, HOST)
  player.solicitAt(10_020, OTHER)
  player.runTo(20_000)
  assert.deepEqual(player.sent, [
    { to: OTHER, reason: 'solicited', atMs: 10_120 },
    { to: HOST, reason: 'solicited', atMs: 10_400 },
  ])
})

test('a multicast answer that is due first answers the waiting hosts too', () => {
  const chances = [0.8, 0.1]
  const player = quiet(() => chances.shift() ?? 0)
  player.solicitAt(10_000, HOST)
  player.solicitAt(10_000, undefined)
  player.runTo(20_000)
  assert.deepEqual(player.sent, [{ to: undefined, reason: 'solicited', atMs: 10_050 }])
})

const hostNumber = (n: number): Ip6 =>
  asIp6(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n >> 8, n & 255))

test('1000 solicitations per second from ever new hosts cost a bounded number of messages', () => {
  const player = quiet(() => 0.5)
  for (let n = 0; n < 10_000; n++) player.solicitAt(10_000 + n, hostNumber(n))
  player.runTo(30_000)
  const unicast = player.sent.filter(({ to }) => to !== undefined)
  const multicast = player.toAllNodes()
  assert.ok(unicast.length <= 4 * UNICAST_ANSWERS_MAX, `${unicast.length} unicast answers in 10 s`)
  assert.ok(multicast.length <= 5, `${multicast.length} multicast answers in 10 s`)
  assert.ok(multicast.length >= 3, 'the others are answered together')
})

test('solicitations that the next scheduled message answers anyway use up no unicast answer', () => {
  const player = quiet(() => 0.9)
  for (let n = 0; n < 2 * UNICAST_ANSWERS_MAX; n++) player.solicitAt(399_900, hostNumber(n))
  player.runTo(400_000)
  player.solicitAt(400_100, HOST)
  player.runTo(401_000)
  assert.deepEqual(player.sent, [
    { to: undefined, reason: 'unsolicited', atMs: 400_000 },
    { to: HOST, reason: 'solicited', atMs: 400_550 },
  ])
})

interface Event {
  readonly gapMs: number
  /** Host number, 0 = from `::`, -1 = the content changes. */
  readonly who: number
}

const anyEvents: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.record({
    gapMs: fc.oneof(fc.nat({ max: 400 }), fc.nat({ max: 6_000 }), fc.nat({ max: 700_000 })),
    who: fc.integer({ min: -1, max: 12 }),
  }),
  { maxLength: 80 },
)

const anyIntervals = fc
  .tuple(fc.integer({ min: 4, max: 1800 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([maxS, share]) => ({ maxMs: maxS * 1000, minMs: 3000 + share * Math.max(0, 0.75 * maxS * 1000 - 3000) }))

const anyChances = fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 1, maxLength: 50 })

const cycle = (chances: readonly number[]): (() => number) => {
  let next = 0
  return () => chances[next++ % chances.length] ?? 0
}

const EPSILON_MS = 1e-6

test('every schedule keeps the MUSTs of RFC 4861 §6.2.4 and §6.2.6, whatever comes and when', () => {
  fc.assert(
    fc.property(anyIntervals, anyChances, anyEvents, (intervals, chances, events) => {
      const player = new Player(startSchedule(intervals, 0), cycle(chances))
      const asked: { atMs: number; from: Ip6 | undefined }[] = []
      const changedMs: number[] = [0]
      let nowMs = 0
      for (const { gapMs, who } of events) {
        nowMs += gapMs
        if (who < 0) {
          player.runTo(nowMs)
          player.schedule = contentChanged(player.schedule, intervals, nowMs)
          changedMs.push(nowMs)
          continue
        }
        const from = who === 0 ? undefined : hostNumber(who)
        player.solicitAt(nowMs, from)
        asked.push({ atMs: nowMs, from })
      }
      player.runTo(nowMs + 4_000)

      const multicast = player.toAllNodes()
      for (const [index, atMs] of multicast.entries()) {
        const before = multicast[index - 1]
        if (before === undefined) continue
        // MUST: "no more than one advertisement every MIN_DELAY_BETWEEN_RAS seconds".
        assert.ok(atMs - before >= RFC4861.MIN_DELAY_BETWEEN_RAS_MS - EPSILON_MS, `${before} and ${atMs}`)
        // Never silent for longer than MaxRtrAdvInterval.
        assert.ok(atMs - before <= intervals.maxMs + EPSILON_MS)
      }
      // MUST: unsolicited ones not more often than MinRtrAdvInterval; the bursts after a start or change are the exception.
      let previousMs: number | undefined
      let burst = 0
      for (const send of player.sent.filter(({ to }) => to === undefined)) {
        const changed = changedMs.filter(
          (atMs) => atMs <= send.atMs && (previousMs === undefined || atMs >= previousMs),
        )
        if (changed.length > 0) burst = RFC4861.MAX_INITIAL_RTR_ADVERTISEMENTS
        if (send.reason === 'unsolicited' && burst === 0 && previousMs !== undefined)
          assert.ok(send.atMs - previousMs >= intervals.minMs - EPSILON_MS, 'unsolicited too early')
        burst = Math.max(0, burst - 1)
        previousMs = send.atMs
      }
      // Every solicitation is answered: alone or with all within 0.5 s, together within 3.5 s of it.
      for (const { atMs, from } of asked) {
        const answer = player.sent.find(
          (send) => send.atMs >= atMs && (send.to === undefined || (from !== undefined && sameHost(send.to, from))),
        )
        const limitMs = RFC4861.MIN_DELAY_BETWEEN_RAS_MS + RFC4861.MAX_RA_DELAY_TIME_MS
        assert.ok(answer !== undefined && answer.atMs - atMs <= limitMs + EPSILON_MS, `solicitation at ${atMs}`)
      }
      // Bounded: in any 3 s at most UNICAST_ANSWERS_MAX hosts are promised an answer of their own, sent within 0.5 s.
      const unicast = player.sent.filter(({ to }) => to !== undefined)
      for (const first of unicast) {
        const within = unicast.filter(({ atMs }) => atMs >= first.atMs && atMs < first.atMs + 2_500)
        assert.ok(within.length <= UNICAST_ANSWERS_MAX, `${within.length} unicast answers in 2.5 s`)
      }
    }),
    { numRuns: 500 },
  )
})

const sameHost = (a: Ip6, b: Ip6): boolean => formatIp6(a) === formatIp6(b)

test('RFC 4861 §6.2.5: at most three final messages, 3 s apart, as many as there is time for, one in any case', () => {
  for (const [last, now, budget, expected] of [
    [undefined, 0, 10_000, [0, 3_000, 6_000]],
    [undefined, 0, 6_500, [0, 3_000, 6_000]],
    [undefined, 0, 5_999, [0, 3_000]],
    [undefined, 0, 0, [0]],
    [99_000, 100_000, 6_500, [102_000, 105_000]],
    [99_999, 100_000, 0, [102_999]],
    [1_000, 100_000, 100_000, [100_000, 103_000, 106_000]],
  ] as const)
    assert.deepEqual(finalTimes(last, now, budget), expected)
})
