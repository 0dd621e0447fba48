/**
 * `make soak`: SOAK_MINUTES (60) of mixed traffic in the simulated site with hosts that come and go; memory, descriptors, entries of maps and
 * latencies must stay flat. SOAK_FAST_PATH=on: with deploy/compose.bpf.yml. Writes e2e/SOAK.md and, sample by sample, .cache/soak.json. Exit status 1
 * when something grew or was lost.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startMeters } from '../chaos/meters.ts'
import { commitNow, machineNow } from '../harness/whereabouts.ts'
import { docker, ROOT } from '../harness/engine.ts'
import { inNetns } from '../harness/netns.ts'
import { background } from '../harness/place.ts'
import { converged } from '../harness/site-status.ts'
import { bringUpPatiently, type RunningSite } from '../harness/running-site.ts'
import { CLIENT, SPEED_ADDRESS } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { type Figures, readFigures } from './figures.ts'
import { type Soak, soakDefects, soakMd } from './report.ts'

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 60)
if (!Number.isInteger(MINUTES) || MINUTES < 8)
  throw new RangeError(`SOAK_MINUTES=${process.env['SOAK_MINUTES']}: allowed are whole minutes from 8`)
/** Caches are full, the pool turns over, V8 has seen its work. */
const WARM_UP_MINUTES = Math.min(10, Math.floor(MINUTES / 3))
const IS_FAST_PATH = process.env['SOAK_FAST_PATH'] === 'on'
const BULK = `iperf3 --client ${mapped(SPEED_ADDRESS)} --bitrate 20M --time ${(MINUTES + 2) * 60}`

/** Pool addresses and cached answers turn over within the warm-up. */
const turningOver = (document: string): string =>
  document
    .replace('nat64:\n', 'nat64:\n  idleLifetimeS: 60\n  keptLifetimeS: 60\n')
    .replace('dns64:\n', 'dns64:\n  cacheMaxEntries: 2000\n')

/** New hosts, until `end`; what they were is what it printed. */
const startChurn = async (): Promise<{ end(): Promise<Soak['churn']> }> => {
  const pid = Number(await docker(['inspect', '-f', '{{.State.Pid}}', CLIENT]))
  const words = [process.execPath, `${ROOT}e2e/chaos/load.ts`, 'churn', String((MINUTES + 5) * 60)]
  const [file = '', ...argv] = inNetns({ pid }, words)
  const child: ChildProcess = spawn(file, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  child.on('close', () => resolve())
  return {
    end: async () => {
      child.kill('SIGINT')
      await ended
      return JSON.parse(text) as Soak['churn']
    },
  }
}

const soak = async (site: RunningSite): Promise<Soak> => {
  const [when, commit] = [new Date().toISOString().slice(0, 16).replace('T', ' '), await commitNow()]
  const meters = await startMeters(90)
  const churn = await startChurn()
  const bulk = await background(CLIENT, BULK)
  const all: Figures[] = []
  const loads: number[] = []
  const startMs = performance.now()
  for (let minute = 1; minute <= MINUTES; minute++) {
    await pause(startMs + minute * 60_000 - performance.now())
    const figures = await readFigures(site, await meters.latencies())
    all.push(figures)
    loads.push(loadavg()[0] ?? 0)
    await writeFile(join(ROOT, '.cache/soak.json'), `${JSON.stringify(all, undefined, 1)}\n`)
    process.stdout.write(`${minute} min  ${JSON.stringify(figures)}\n`)
  }
  await bulk.finish()
  const came = await churn.end()
  const measured = await meters.finish()
  return {
    when,
    commit,
    machine: machineNow(),
    minutes: MINUTES,
    warmUpMinutes: WARM_UP_MINUTES,
    isFastPath: IS_FAST_PATH,
    samples: all.slice(WARM_UP_MINUTES),
    load: [Math.min(...loads), Math.max(...loads)],
    measured,
    churn: came,
  }
}

await mkdir(join(ROOT, '.cache'), { recursive: true })
const site = await bringUpPatiently()
try {
  const stack = IS_FAST_PATH ? site.stack.with('deploy/compose.bpf.yml') : site.stack
  if (IS_FAST_PATH) await stack.compose(['up', '--detach', '--no-deps', 'nat64'])
  const { revision } = await converged(stack)
  await site.writeDocument(turningOver(await site.readDocument()))
  await converged(stack, revision)
  const done = await soak({ ...site, stack })
  await writeFile(join(ROOT, 'e2e/SOAK.md'), soakMd(done))
  const defects = soakDefects(done)
  process.stdout.write(`soak: ${defects.join('; ') || 'flat, nothing lost'}\n`)
  process.exitCode = defects.length === 0 ? 0 : 1
} finally {
  const { stdout } = await site.stack.tryCompose(['logs', '--no-color', '--timestamps'])
  await writeFile(join(ROOT, '.cache/soak.log'), stdout)
  await site.home[Symbol.asyncDispose]()
}
