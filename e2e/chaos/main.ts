/**
 * `make chaos`: each fault of faults.ts in the simulated site, with traffic of all kinds; writes e2e/CHAOS.md. CHAOS_ONLY=words picks faults by a
 * regular expression over their names (the table then keeps the rows that it had of the others: chaos/outcomes.json), CHAOS_MINUTES is how long the
 * document changes (0.5). In a guest (`make chaos-clock`) the faults of clock-faults.ts, told line by line instead (kept.ts). Exit status 1 when
 * something was not as it must be.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { SLOWNESS } from '@sixgate/testkit'
import { commitNow } from '../harness/whereabouts.ts'
import { ROOT } from '../harness/engine.ts'
import { siteStatus } from '../harness/site-status.ts'
import { bringUpPatiently, type RunningSite } from '../harness/running-site.ts'
import { DeadlineError, until } from '../harness/until.ts'
import { CLOCK_FAULTS } from './clock-faults.ts'
import { FAULTS, type Fault } from './faults.ts'
import { keepOutcomes, toLine } from './kept.ts'
import { WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { startMeters } from './meters.ts'
import { defectsOf, type Outcome } from './table.ts'

const only = process.env['CHAOS_ONLY'] ?? ''
/** In a machine that was made for this (e2e/vm, suite `clock`): what no machine in use can be done to. */
const IS_GUEST = process.env['SIXGATE_GUEST'] === '1'
/** Between two pings, datagrams and questions. */
const METER_MS = 100

/** TCP tries again after ever longer times, so a connection that stands may need as long again as the fault took. */
const RESUME_S = 90
/** One that nothing may bring back: a client that only waits for data does not notice that its peer cannot reach it any more. */
const BROKEN_S = 5

const RECOVERY_LIMIT_S = 120

/** What was acknowledged: the document in force, and who has which pool address. */
interface Acknowledged {
  readonly document: string
  readonly client: string
}

/** What the command says; on a machine that has much else to do a service may not answer in time. */
const told = ({ stack }: RunningSite, ...words: readonly string[]): Promise<string> =>
  until(`sixgate ${words.join(' ')}`, RECOVERY_LIMIT_S, async () => {
    const { code, stdout, stderr } = await stack.sixgate(words)
    if (code !== 0) throw new Error(`status ${code}: ${stdout}${stderr}`)
    return stdout
  })

const acknowledged = async (site: RunningSite): Promise<Acknowledged> => {
  const document = await told(site, 'config', 'show')
  const { hosts } = JSON.parse(await told(site, 'hosts', '--json')) as { hosts: { ip6: string; ip4: string }[] }
  const client = hosts.find(({ ip6 }) => ip6.endsWith('5eff:fe00:5302'))
  return { document: document.replace(/^# revision .*$/m, ''), client: `${client?.ip6} ${client?.ip4}` }
}

/** `sixgate status` needs 6 s to notice that an instance is gone: what is well for longer is. */
const SETTLED_MS = 7000

/** A question starts Node, which takes seconds of an emulated machine. */
const QUESTION_PAUSE_MS = SLOWNESS > 1 ? 1000 : 100

/** Seconds until everything was well and stayed so; undefined: not within the time. Says what was not well last. */
const recovery = async ({ stack }: RunningSite): Promise<number | undefined> => {
  const startMs = performance.now()
  let wellSinceMs: number | undefined
  let lastTrouble = ''
  const look = async (): Promise<number | undefined> => {
    const trouble = await siteStatus(stack).then(
      (status) => (status.isConverged ? undefined : JSON.stringify(status)),
      String,
    )
    const nowMs = performance.now()
    if (trouble !== undefined) lastTrouble = `after ${((nowMs - startMs) / 1000).toFixed(1)} s: ${trouble}`
    wellSinceMs = trouble === undefined ? (wellSinceMs ?? nowMs) : undefined
    return wellSinceMs !== undefined && nowMs - wellSinceMs > SETTLED_MS ? (wellSinceMs - startMs) / 1000 : undefined
  }
  try {
    return await until('every service is well, and stays so', RECOVERY_LIMIT_S, look, QUESTION_PAUSE_MS)
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error
    return undefined
  } finally {
    if (lastTrouble !== '') process.stdout.write(`  not well ${lastTrouble}\n`)
  }
}

const run = async (site: RunningSite, fault: Fault, before: Acknowledged): Promise<[Outcome, Acknowledged]> => {
  const { name, expected, costs, breaksConnections = false, withdraws = false } = fault
  const when = new Date().toISOString().slice(0, 16).replace('T', ' ')
  // An emulated machine carries so much less.
  const meters = await startMeters(breaksConnections ? BROKEN_S : RESUME_S, METER_MS * SLOWNESS)
  await fault.strike(site)
  const recoveredS = await recovery(site)
  const measured = await meters.finish()
  const after = await acknowledged(site)
  const lost = [
    ...(before.document === after.document ? [] : ['the document in force is another one']),
    ...(before.client === after.client ? [] : [`the client was ${before.client}, is ${after.client}`]),
  ]
  const load = loadavg()[0] ?? 0
  return [
    { name, expected, costs, measured, recoveredS, breaksConnections, withdraws, lost, load, when, commit },
    after,
  ]
}

const outcomes: Outcome[] = []
/** A guest has no repository, and its files are gone when it is. */
const commit = IS_GUEST ? '' : await commitNow()
const site = await bringUpPatiently()
try {
  // Its first packet gives the client its pool address.
  await site.home.client.type(`ping6 -n -c 3 -i 0.2 ${mapped(WEB_ADDRESSES[0])}`)
  let known = await acknowledged(site)
  for (const fault of (IS_GUEST ? CLOCK_FAULTS : FAULTS).filter(({ name }) => new RegExp(only).test(name))) {
    process.stdout.write(`${fault.name} …\n`)
    const [outcome, after] = await run(site, fault, known)
    known = after
    outcomes.push(outcome)
    // After each fault, so that a run that is ended has said what it saw.
    if (IS_GUEST) process.stdout.write(`${toLine(outcome)}\n`)
    else await keepOutcomes(outcomes)
    const verdict = defectsOf(outcome).join('; ') || 'as expected'
    process.stdout.write(`  ${JSON.stringify(outcome.measured)}\n  ${outcome.recoveredS ?? 'never'} s, ${verdict}\n`)
    if (outcome.recoveredS === undefined) await site.stack.tryCompose(['up', '-d', '--no-build'])
  }
} finally {
  await mkdir(join(ROOT, '.cache'), { recursive: true })
  const { stdout } = await site.stack.tryCompose(['logs', '--no-color', '--timestamps'])
  await writeFile(join(ROOT, '.cache/chaos.log'), stdout)
  await site.home[Symbol.asyncDispose]()
}
process.exitCode = outcomes.every((outcome) => defectsOf(outcome).length === 0) ? 0 : 1
