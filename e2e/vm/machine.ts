import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { afterLine, BEGINNING, type Course } from './console.ts'
import type { Guest } from './guests.ts'

const CORES = 2

export interface Run {
  readonly guest: Guest
  /** What guest-image.sh made. */
  readonly image: string
  /** The disk of payload.ts. */
  readonly payload: string
  readonly memoryMiB: number
  readonly deadlineS: number
  /** Each line of the console. */
  onLine(line: string): void
}

/** Each line one option or a few that belong together, as on a command line. */
const qemuArguments = ({ guest, image, payload, memoryMiB }: Run): string[] =>
  [
    guest.qemu.slice(1).join(' '),
    `-accel tcg,thread=multi -smp ${CORES} -m ${memoryMiB}`,
    // Nothing but what is named: no display, no network, and a reboot ends it.
    '-nodefaults -no-user-config -nographic -no-reboot -serial stdio',
    `-kernel ${join(image, 'vmlinuz')} -initrd ${join(image, 'initrd')}`,
    `-drive file=${join(image, 'root.img')},if=none,id=root,format=raw,snapshot=on -device virtio-blk-pci,drive=root`,
    `-drive file=${payload},if=none,id=payload,format=raw,cache=unsafe -device virtio-blk-pci,drive=payload`,
    '-device virtio-rng-pci',
  ]
    .flatMap((line) => line.split(' '))
    .concat('-append', `console=${guest.console} panic=-1 quiet loglevel=5`)

/** Boots the guest, follows its console to the end, and says what happened. Ends it when its time is over. */
export const boot = async (run: Run): Promise<Course> => {
  const command = run.guest.qemu[0]
  // The parent-death signal: no guest outlives this process.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...qemuArguments(run)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let course = BEGINNING
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (raw) => {
      const line = stripVTControlCharacters(raw).replaceAll('\r', '')
      course = afterLine(course, line)
      run.onLine(line)
    })
  const timer = setTimeout(() => {
    run.onLine(`vm: not over after ${run.deadlineS} s: switched off`)
    child.kill('SIGKILL')
  }, run.deadlineS * 1000)
  await once(child, 'close')
  clearTimeout(timer)
  return course
}

/** Version of the guest's kernel, e.g. `6.1.0-56-amd64`. */
export const kernelVersion = (image: string): string => readFileSync(join(image, 'kernel-version'), 'utf8').trim()
