/**
 * Runs a suite in virtual machines with other kernels and architectures:
 *
 *   node e2e/vm/main.ts SUITE [GUEST…] [--steps=TEXT]
 *
 * All guests when none is named; of the suite the steps with TEXT in their names. Exit status 1 when anything failed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { must } from '../harness/command.ts'
import { failures } from './console.ts'
import { type Guest, GUESTS } from './guests.ts'
import { boot, kernelVersion } from './machine.ts'
import { CACHE } from './cache.ts'
import { layOut, packDisk } from './payload.ts'
import { engineDisk } from './engine-disk.ts'
import { type Suite, SUITES } from './suites.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Node, packages and sources take less than a third of it; the file is sparse. */
const PAYLOAD_MIB = 1024

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const seconds = (since: number): string => `${Math.round((performance.now() - since) / 1000)} s`

/** Runs the suite in one guest; true when all of it succeeded. */
const runIn = async (guest: Guest, suite: Suite): Promise<boolean> => {
  const kind = suite.needsImages === true ? ['engine'] : []
  const image = (
    await must([join(ROOT, 'e2e/vm/guest-image.sh'), guest.suite, guest.arch, guest.kernelPackage, ...kind], {
      deadlineS: 1800,
    })
  ).trim()
  const engine = suite.needsImages === true ? await engineDisk(guest) : undefined
  const folder = mkdtempSync(join(tmpdir(), 'sixgate-vm-'))
  try {
    await layOut(ROOT, join(CACHE, 'npm'), join(folder, 'work'), guest, suite)
    await packDisk(join(folder, 'work'), join(folder, 'payload.img'), PAYLOAD_MIB)
    const { stepsAfterReboot } = suite
    const copyOf = async (disk: string): Promise<string> => {
      const copy = join(folder, basename(disk))
      await must(['cp', '--sparse=always', disk, copy], { deadlineS: 300 })
      return copy
    }
    const root = stepsAfterReboot === undefined ? undefined : await copyOf(join(image, 'root.img'))
    const started = performance.now()
    say(`${guest.name}: ${suite.name} on ${kernelVersion(image)} …`)
    const run = {
      guest,
      image,
      root,
      disks: [join(folder, 'payload.img'), ...(engine === undefined ? [] : [await copyOf(engine)])],
      memoryMiB: suite.memoryMiB,
      deadlineS: suite.deadlineS,
      onLine: (line: string) => say(`${guest.name} ${seconds(started).padStart(6)} | ${line}`),
    }
    let course = await boot(run)
    if (stepsAfterReboot !== undefined) {
      say(`${guest.name}: the power goes, and comes back after ${seconds(started)} …`)
      course = await boot(run, course)
    }
    const names = [...suite.steps, ...(stepsAfterReboot ?? [])].map(({ name }) => name)
    const wrong = failures(course, names)
    for (const reason of wrong) say(`${guest.name}: failed: ${reason}`)
    if (wrong.length === 0)
      say(`${guest.name}: ok: ${course.kernel}: ${names.length} steps of ${suite.name} in ${seconds(started)}`)
    return wrong.length === 0
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const choose = <T extends { readonly name: string }>(what: string, all: readonly T[], name: string): T => {
  const found = all.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no ${what} "${name}"; there are: ${all.map((one) => one.name).join(', ')}`)
  return found
}

const main = async (): Promise<void> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { steps: { type: 'string', default: '' } },
  })
  const [suiteName = '', ...guestNames] = positionals
  const whole = choose('suite', SUITES, suiteName)
  const suite = { ...whole, steps: whole.steps.filter(({ name }) => name.includes(values.steps)) }
  if (suite.steps.length === 0) throw new Error(`suite ${suite.name} has no step with "${values.steps}" in its name`)
  const guests = guestNames.length === 0 ? GUESTS : guestNames.map((name) => choose('guest', GUESTS, name))
  let isGood = true
  for (const guest of guests) isGood = (await runIn(guest, suite)) && isGood
  if (!isGood) process.exitCode = 1
}

await main()
