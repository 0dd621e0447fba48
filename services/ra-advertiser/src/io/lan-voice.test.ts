import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { formatPrefix } from '@sixgate/addr'
import { closeNetlink } from '@sixgate/host'
import { Counters, createLogger } from '@sixgate/obs'
import { parseSite, type Site } from '@sixgate/site'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { ALL_WELL } from '../core/health.ts'
import { EthernetPort } from '../testkit/ethernet-port.ts'
import { heardBy, optionsOf, siteOf } from '../testkit/gateway-lab.ts'
import { until } from '../testkit/until.ts'
import { COUNTER_NAMES } from './counters.ts'
import { LanLink } from './lan-link.ts'
import { LanVoice } from './lan-voice.ts'
import { PrefixFile } from './prefix-file.ts'

/**
 * What is said on a LAN over hours, on a real link with real sockets and files. Only the clock is not: timers and Date are the
 * test's, which moves them on by a second at a time, as often as the service looks.
 */

const skip = enterNamespace()
const here = skip === false ? Namespace.here() : ({} as Namespace)
const directory = mkdtempSync(join(tmpdir(), 'sixgate-ra-'))
after(() => {
  closeNetlink()
  rmSync(directory, { recursive: true })
})
const log = createLogger({ service: 'ra-advertiser', instance: 'test', level: 'silent' })

const siteWith = (prefix: string, ra = {}): Site =>
  parseSite(JSON.parse(siteOf(ra, { lan: { interface: 'lan0', prefix } })))
const [OLD, NEW] = ['fd00:1:2:3::/64', 'fd00:1:2:4::/64'] as const
const STEP_MS = 1000
const MAX_INTERVAL_MS = 600_000
/** RFC 9096 §3.3: 5400 s. */
const ND_VALID_LIMIT_MS = 90 * 60_000

/** Of all processes together. */
const counters = new Counters(COUNTER_NAMES)

/** A process of the service, as far as one LAN has to do with it. */
const begin = (site: Site): LanVoice =>
  new LanVoice(new LanLink({ stateDir: directory, sysctlRoot: '/proc/sys/net' }, log), site, {
    log,
    counters,
    nowMs: () => Date.now(),
    prefixes: new PrefixFile(join(directory, 'prefixes.json'), log),
    knownRouters: () => undefined,
    gateway: undefined,
    sourcesOf: () => [],
  })

interface Said {
  readonly atMs: number
  /** `prefix valid/preferred` of each prefix option. */
  readonly prefixes: readonly string[]
}

test('RFC 9096 §3.5: after a change the old prefix is in every message with lifetimes 0, for 90 min, over a restart', {
  skip,
}, async (t) => {
  here.sysctl('ipv6/conf/all/forwarding', 1)
  here.sysctl('ipv6/conf/default/accept_dad', 0)
  here.ip('link add lan0 type veth peer name host0')
  here.sysctl('ipv6/conf/host0/disable_ipv6', 1)
  here.ip('link set host0 up')
  here.ip('link set lan0 up')
  const port = new EthernetPort('host0')
  t.after(() => port.close())
  await until('a link-local address', () => here.ip('-6 address show dev lan0').includes('fe80'))

  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2027, 0, 1) })
  const said: Said[] = []
  /** What was sent at this moment. */
  const collect = async (): Promise<void> => {
    const sent = counters.snapshot().ra_sent_unsolicited_total ?? 0
    if (sent === said.length) return
    while (heardBy(port).length < sent) await turn()
    for (const ra of heardBy(port).slice(said.length))
      said.push({
        atMs: Date.now(),
        prefixes: optionsOf(ra, 'pio').map(
          (pio) => `${formatPrefix(pio.prefix)} ${pio.validLifetimeS}/${pio.preferredLifetimeS}`,
        ),
      })
  }
  // The kernel calls a new address usable from a work queue: a moment after it is there, even without detection of duplicates.
  const ready = async (voice: LanVoice): Promise<void> => {
    for (voice.sync(ALL_WELL); !voice.isReady; voice.sync(ALL_WELL)) await turn()
  }
  const runFor = async (voice: LanVoice, ms: number): Promise<void> => {
    for (const endMs = Date.now() + ms; Date.now() < endMs; ) {
      t.mock.timers.tick(STEP_MS)
      voice.say(ALL_WELL)
      // A message to all nodes is due now when its timer is.
      t.mock.timers.tick(0)
      await collect()
    }
  }

  const first = begin(siteWith(OLD))
  await ready(first)
  await runFor(first, 60_000)
  assert.deepEqual(new Set(said.flatMap(({ prefixes }) => prefixes)), new Set([`${OLD} 86400/14400`]))

  const changedMs = Date.now()
  first.view = siteWith(NEW)
  first.sync(ALL_WELL)
  await runFor(first, 40 * 60_000)
  // A restart: nothing is left of the process, the files are.
  first.silence()
  const restartedMs = Date.now()
  const second = begin(siteWith(NEW))
  await ready(second)
  await runFor(second, 110 * 60_000)
  second.silence()

  const both = [`${NEW} 86400/14400`, `${OLD} 0/0`].join()
  const endMs = changedMs + ND_VALID_LIMIT_MS
  const since = said.filter(({ atMs }) => atMs > changedMs)
  const within = since.filter(({ prefixes }) => prefixes.join() === both)
  const behind = since.slice(within.length)
  assert.deepEqual(since.slice(0, within.length), within, 'the old prefix is left out in between')
  assert.ok(
    behind.every(({ prefixes }) => prefixes.join() === `${NEW} 86400/14400`),
    JSON.stringify(behind),
  )
  assert.ok((within.at(-1)?.atMs ?? Infinity) <= endMs)
  // That it is over is a change, which hosts are told at once like any other.
  const firstBehindMs = behind[0]?.atMs ?? 0
  assert.ok(firstBehindMs >= endMs && firstBehindMs <= endMs + 5 * STEP_MS, `${firstBehindMs - endMs} ms after 90 min`)
  // At once after the change and after the restart, then never a pause longer than MaxRtrAdvInterval.
  const times = since.map(({ atMs }) => atMs)
  assert.ok((times[0] ?? Infinity) - changedMs <= 3 * STEP_MS)
  assert.ok(times.some((atMs) => atMs > restartedMs && atMs - restartedMs <= STEP_MS))
  for (const [index, atMs] of times.entries())
    assert.ok(atMs - (times[index - 1] ?? changedMs) <= MAX_INTERVAL_MS + STEP_MS, `a pause before ${atMs - changedMs}`)
  t.diagnostic(`${within.length} messages with the old prefix in 90 min, ${behind.length} without in the hour behind`)
})
