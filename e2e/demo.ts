/*
 * The demo: brings the real docker-compose.yml up in the simulated site (topologies/home.ts) and lets an IPv6-only
 * client try the IPv4 world with stock tools. Prints each command and its real output; exits 1 if one does not hold.
 *
 *   node e2e/demo.ts           leaves nothing behind
 *   node e2e/demo.ts --keep    leaves the site up, to look around
 *   node e2e/demo.ts --down    removes a site that --keep left
 */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { killRunning } from './harness/command.ts'
import { notAnyMore } from './harness/only-one.ts'
import { ROOT } from './harness/engine.ts'
import { netnsState, stateDifference } from './harness/netns-state.ts'
import { converged } from './harness/site-status.ts'
import { Stack } from './harness/stack.ts'
import { buildHome, clearHome, type Home, PROJECT } from './topologies/home.ts'
import { transcript } from './transcript/chapters.ts'
import { printer } from './transcript/printer.ts'
import { clientConfigured } from './transcript/ready.ts'
import { type Chapter, runStep } from './transcript/step.ts'

const MACHINE = { pid: process.pid }
const print = printer(process.stdout)

async function play(chapters: readonly Chapter[], home: Home): Promise<number> {
  let failed = 0
  for (const [index, chapter] of chapters.entries()) {
    print.chapter(index + 1, chapter.title)
    for (const step of chapter.steps) {
      print.command(step)
      try {
        print.outcome(await runStep(step, home))
      } catch (error) {
        failed++
        print.failure(error)
      }
    }
  }
  return failed
}

async function demo(keep: boolean): Promise<number> {
  const untouched = await netnsState(MACHINE)
  print.picture()
  let home: Home | undefined
  let failed = 1
  try {
    home = await print.progress('the Pi, the internet and the client (namespaces and containers)', async () =>
      buildHome(await readFile(`${ROOT}e2e/site/site.yaml`, 'utf8')),
    )
    const stack = new Stack(PROJECT, home)
    await print.progress('docker compose up -d --wait, on the Pi', () => stack.compose(['up', '-d', '--wait']))
    await print.progress('every service has the site document', () => converged(stack))
    const { client } = home
    await print.progress('the client has heard a Router Advertisement', () => clientConfigured(client))
    const chapters = transcript(stack)
    failed = await play(chapters, home)
    const status = await stack.sixgate(['status'])
    print.chapter(chapters.length + 1, 'How the services see it')
    print.plain('pi$ docker compose exec console sixgate status', status.stdout)
    if (status.code !== 0) failed++
  } finally {
    if (keep && home !== undefined) print.left(home)
    else await print.progress('everything away again', clearHome)
  }
  const changed = keep ? [] : stateDifference(untouched, await netnsState(MACHINE))
  if (!keep) print.untouched(changed)
  return failed + changed.length
}

// Ctrl-C leaves nothing behind either. Synchronous, so that nothing of the demo goes on meanwhile.
process.once('SIGINT', () => {
  process.stdout.write('\n  interrupted\n')
  killRunning()
  notAnyMore()
  spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--down'], { stdio: 'inherit' })
  process.exit(130)
})

const option = process.argv[2]
if (option === '--down') {
  await print.progress('everything away', clearHome)
} else if (option === undefined || option === '--keep') {
  const failed = await demo(option === '--keep')
  print.verdict(failed)
  process.exitCode = failed === 0 ? 0 : 1
} else {
  process.stderr.write(`demo.ts "${option}": allowed are --keep, --down or nothing\n`)
  process.exitCode = 2
}
