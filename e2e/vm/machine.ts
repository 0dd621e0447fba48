import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { afterLine, BEGINNING, type Course } from './console.ts'
import type { Guest } from './guests.ts'

const CORES = 2
/**
 * Of the kernel's command line. Against processors that guess; an emulated one does not, and pays dearly, most of all on arm64: two page
 * tables for each process, changed at each system call, are two times that QEMU forgets all it knew of the memory.
 */
const FASTER = 'mitigations=off'

export interface Run {
  readonly guest: Guest
  /** What guest-image.sh made. */
  readonly image: string
  /** A root disk of its own, which is written to; without it, that of `image` with changes that are thrown away. */
  readonly root?: string | undefined
  /** The disk of payload.ts, and others, in their order: /dev/vdb, /dev/vdc … */
  readonly disks: readonly string[]
  readonly memoryMiB: number
  readonly deadlineS: number
  /** Each line of the console. */
  onLine(line: string): void
}

const disk = (number: number, file: string, option: string): string =>
  `-drive file=${file},if=none,id=disk${number},format=raw,${option} -device virtio-blk-pci,drive=disk${number}`

/** Each line one option or a few that belong together, as on a command line. */
const qemuArguments = ({ guest, image, root, disks, memoryMiB }: Run): string[] =>
  [
    guest.qemu.slice(1).join(' '),
    `-accel tcg,thread=multi -smp ${CORES} -m ${memoryMiB}`,
    // Nothing but what is named: no display, no network, and a reboot ends it.
    '-nodefaults -no-user-config -nographic -no-reboot -serial stdio',
    `-kernel ${join(image, 'vmlinuz')} -initrd ${join(image, 'initrd')}`,
    root === undefined ? disk(0, join(image, 'root.img'), 'snapshot=on') : disk(0, root, 'cache=unsafe'),
    ...disks.map((file, index) => disk(index + 1, file, 'cache=unsafe')),
    '-device virtio-rng-pci',
  ]
    .flatMap((line) => line.split(' '))
    .concat('-append', `console=${guest.console} panic=-1 quiet loglevel=5 ${FASTER}`)

/** Boots the guest, follows its console to the end, and says what happened since `course` began. Ends it when its time is over. */
export const boot = async (run: Run, before: Course = BEGINNING): Promise<Course> => {
  const command = run.guest.qemu[0]
  // The parent-death signal: no guest outlives this process.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...qemuArguments(run)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // The next life has to come to its own end.
  let course: Course = { ...before, status: undefined }
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
