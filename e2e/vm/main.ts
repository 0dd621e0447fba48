/**
 * Runs a suite in virtual machines with other kernels and architectures:
 *
 *   node e2e/vm/main.ts SUITE [GUEST…] [--steps=TEXT]
 *
 * All guests when none is named; of the suite the steps with TEXT in their names. Exit status 1 when anything failed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { must } from '../harness/command.ts'
import { failures } from './console.ts'
import { type Guest, GUESTS } from './guests.ts'
import { boot, kernelVersion } from './machine.ts'
import { layOut, packDisk } from './payload.ts'
import { type Suite, SUITES } from './suites.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CACHE = join(process.env.SIXGATE_CACHE ?? '/var/cache/sixgate', 'vm')
/** Node, packages and sources take less than a third of it; the file is sparse. */
const PAYLOAD_MIB = 1024

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const seconds = (since: number): string => `${Math.round((performance.now() - since) / 1000)} s`

/** Runs the suite in one guest; true when all of it succeeded. */
const runIn = async (guest: Guest, suite: Suite): Promise<boolean> => {
  const image = (
    await must([join(ROOT, 'e2e/vm/guest-image.sh'), guest.suite, guest.arch, guest.kernelPackage], { deadlineS: 1800 })
  ).trim()
  const folder = mkdtempSync(join(tmpdir(), 'sixgate-vm-'))
  try {
    await layOut(ROOT, join(CACHE, 'npm'), join(folder, 'work'), guest, suite)
    await packDisk(join(folder, 'work'), join(folder, 'payload.img'), PAYLOAD_MIB)
    const started = performance.now()
    say(`${guest.name}: ${suite.name} on ${kernelVersion(image)} …`)
    const course = await boot({
      guest,
      image,
      payload: join(folder, 'payload.img'),
      memoryMiB: suite.memoryMiB,
      deadlineS: suite.deadlineS,
      onLine: (line) => say(`${guest.name} | ${line}`),
    })
    const names = suite.steps.map(({ name }) => name)
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
