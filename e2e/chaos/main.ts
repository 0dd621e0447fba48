/**
 * `make chaos`: each fault of faults.ts in the simulated site, with traffic of all kinds; writes e2e/CHAOS.md. CHAOS_ONLY=words picks faults by a
 * regular expression over their names (the table then keeps the rows that it had of the others: chaos/outcomes.json), CHAOS_MINUTES is how long the
 * document changes (0.5). Exit status 1 when something was not as it must be.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { commitNow, machineNow } from '../harness/whereabouts.ts'
import { ROOT } from '../harness/engine.ts'
import { siteStatus } from '../harness/site-status.ts'
import { bringUpPatiently, type RunningSite } from '../harness/site-under-test.ts'
import { DeadlineError, until } from '../harness/until.ts'
import { FAULTS, type Fault, NOT_RUN } from './faults.ts'
import { WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { startMeters } from './meters.ts'
import { chaosMd, defectsOf, type Outcome } from './table.ts'

const only = process.env['CHAOS_ONLY'] ?? ''

/** TCP tries again after ever longer times, so a connection that stands may need as long again as the fault took. */
const RESUME_S = 90
/** One that nothing may bring back: a client that only waits for data does not notice that its peer cannot reach it any more. */
const BROKEN_S = 5

/** What was acknowledged: the document in force, and who has which pool address. */
interface Acknowledged {
  readonly document: string
  readonly client: string
}

const acknowledged = async ({ stack }: RunningSite): Promise<Acknowledged> => {
  const shown = await stack.sixgate(['config', 'show'])
  const { stdout } = await stack.sixgate(['hosts', '--json'])
  const { hosts } = JSON.parse(stdout) as { hosts: { ip6: string; ip4: string }[] }
  const client = hosts.find(({ ip6 }) => ip6.endsWith('5eff:fe00:5302'))
  return { document: shown.stdout.replace(/^# revision .*$/m, ''), client: `${client?.ip6} ${client?.ip4}` }
}

/** `sixgate status` needs 6 s to notice that an instance is gone: what is well for longer is. */
const SETTLED_MS = 7000
const RECOVERY_LIMIT_S = 120

/** Seconds until everything was well and stayed so; undefined: not within the time. */
const recovery = async ({ stack }: RunningSite): Promise<number | undefined> => {
  const startMs = performance.now()
  let wellSinceMs: number | undefined
  try {
    return await until('every service is well, and stays so', RECOVERY_LIMIT_S, async () => {
      const isWell = await siteStatus(stack).then(
        (status) => status.isConverged,
        () => false,
      )
      wellSinceMs = isWell ? (wellSinceMs ?? performance.now()) : undefined
      const isSettled = wellSinceMs !== undefined && performance.now() - wellSinceMs > SETTLED_MS
      return isSettled && wellSinceMs !== undefined ? (wellSinceMs - startMs) / 1000 : undefined
    })
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error
    process.stdout.write(`  not well: ${JSON.stringify(await siteStatus(stack).catch(String))}\n`)
    return undefined
  }
}

const run = async (site: RunningSite, fault: Fault, before: Acknowledged): Promise<[Outcome, Acknowledged]> => {
  const { name, expected, costs, breaksConnections = false, withdraws = false } = fault
  const when = new Date().toISOString().slice(0, 16).replace('T', ' ')
  const meters = await startMeters(breaksConnections ? BROKEN_S : RESUME_S)
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

/** Outcomes of this and of earlier runs, by name: a run may be of some faults only. */
const KEPT = join(ROOT, 'e2e/chaos/outcomes.json')
/** Goes up when Outcome changes: what another version kept does not count. */
const KEPT_FORMAT = 4
const readKept = async (): Promise<Outcome[]> => {
  try {
    const kept = JSON.parse(await readFile(KEPT, 'utf8')) as { readonly format?: number; readonly outcomes: Outcome[] }
    return kept.format === KEPT_FORMAT ? kept.outcomes : []
  } catch {
    return []
  }
}

const outcomes: Outcome[] = []

/** After each fault, so that a run that is ended has said what it saw. */
const writeTable = async (): Promise<void> => {
  const kept = (await readKept()).filter(({ name }) => !outcomes.some((outcome) => outcome.name === name))
  const all = [...kept, ...outcomes]
  const inOrder = FAULTS.flatMap(({ name }) => all.find((outcome) => outcome.name === name) ?? [])
  await writeFile(KEPT, `${JSON.stringify({ format: KEPT_FORMAT, outcomes: inOrder }, undefined, 1)}\n`)
  const machine = machineNow()
  const about = `${inOrder.length} of ${FAULTS.length} faults; ${machine}, fast path off.`
  const missing = FAULTS.filter(({ name }) => !inOrder.some((outcome) => outcome.name === name)).map(
    ({ name }): [string, string] => [name, 'not in the runs of this table'],
  )
  await writeFile(join(ROOT, 'e2e/CHAOS.md'), chaosMd(inOrder, [...NOT_RUN, ...missing], about))
}

const commit = await commitNow()
const site = await bringUpPatiently()
try {
  // Its first packet gives the client its pool address.
  await site.home.client.type(`ping6 -n -c 3 -i 0.2 ${mapped(WEB_ADDRESSES[0])}`)
  let known = await acknowledged(site)
  for (const fault of FAULTS.filter(({ name }) => new RegExp(only).test(name))) {
    process.stdout.write(`${fault.name} …\n`)
    const [outcome, after] = await run(site, fault, known)
    known = after
    outcomes.push(outcome)
    await writeTable()
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
