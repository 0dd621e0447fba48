/** What was learned from a guest's console so far. */
export interface Course {
  /** As `uname -srm` says. */
  readonly kernel: string | undefined
  /** Steps that ended, in their order. */
  readonly steps: readonly { readonly name: string; readonly status: number }[]
  /** Status of the suite, once it ended. */
  readonly status: number | undefined
  /** First line of each fault that the kernel reported. */
  readonly faults: readonly string[]
}

export const BEGINNING: Course = { kernel: undefined, steps: [], status: undefined, faults: [] }

/**
 * How the kernel begins to report a fault of its own (lib/bug.c, kernel/panic.c, arch/…/traps.c, lib/ubsan.c, lib/refcount.c).
 * With a timestamp in front, which no program's output has. Stalls are none: an emulated processor on a busy machine stalls.
 */
const FAULT =
  /^\[\s*\d+\.\d+\](?:\[.*?\])? ?(?:.*\b(?:BUG:|Oops\b|Kernel panic|WARNING: CPU|general protection fault|Unable to handle kernel|UBSAN:).*|.*refcount_t: .*|.*hw csum failure.*|.*unregister_netdevice: waiting for .*)/

/** The course after one more line of the console. Lines begin at column 0; control characters are gone. */
export const afterLine = (course: Course, line: string): Course => {
  if (FAULT.test(line)) return { ...course, faults: [...course.faults, line] }
  const kernel = /^vm: kernel (.+)$/.exec(line)?.[1]
  if (kernel !== undefined) return { ...course, kernel }
  const step = /^vm: step ended with status (\d+): (.+)$/.exec(line)
  if (step !== null) return { ...course, steps: [...course.steps, { name: step[2] ?? '', status: Number(step[1]) }] }
  const status = /^vm: suite ended with status (\d+)$/.exec(line)?.[1]
  return status === undefined ? course : { ...course, status: Number(status) }
}

/** Why the run is no success; empty: it is one. `expected`: names of the suite's steps. */
export const failures = (course: Course, expected: readonly string[]): string[] => {
  const ended = new Map(course.steps.map(({ name, status }) => [name, status]))
  return [
    ...(course.kernel === undefined ? ['the guest did not come up'] : []),
    ...expected.flatMap((name) => {
      const status = ended.get(name)
      if (status === 0) return []
      return [status === undefined ? `step "${name}" did not end` : `step "${name}" ended with status ${status}`]
    }),
    ...course.faults.map((line) => `the kernel reported a fault: ${line}`),
    ...(course.status === undefined ? ['the guest ended before its suite'] : []),
  ]
}
