import { spawnSync } from 'node:child_process'

/** Set in a test process that runs in a namespace of its own. */
const MARK = 'SIXGATE_TEST_NAMESPACE'

/** Whether this process was started in a network namespace of its own, where it may change whatever it wants. */
export const isInOwnNamespace = (): boolean => process.env[MARK] === '1'

/**
 * Puts a test file into a fresh network namespace (with `lo` up): call it at the top of the file, before any test.
 * The first call replaces this process by `unshare --net` with the same file, so the test runner sees one process and
 * its results; the namespace vanishes with it, however it ends. There it returns `false`.
 * Where namespaces cannot be made it returns the reason, to be given to each test: `test('…', { skip }, …)`.
 */
export const enterNamespace = (): string | false => {
  if (isInOwnNamespace()) {
    run('ip', ['link', 'set', 'lo', 'up'])
    return false
  }
  const probe = spawnSync('unshare', ['--net', 'true'], { encoding: 'utf8' })
  if (probe.error !== undefined) return `needs unshare (Debian: util-linux): ${probe.error.message}`
  if (probe.status !== 0) return `needs root (CAP_SYS_ADMIN) for a network namespace: ${probe.stderr.trim()}`
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve?.('/usr/bin/env', ['env', 'unshare', '--net', ...args], { ...environment(), [MARK]: '1' })
  return 'needs process.execve (Node 22.15 or later)'
}

const environment = (): Record<string, string> =>
  Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined))

const run = (command: string, args: readonly string[]): void => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
