import { spawn, spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { isInOwnNamespace } from './enter-namespace.ts'
import { type Output, Process, SLOWNESS } from './process.ts'

/** How a command ended. */
export type RunResult = Output & { readonly status: number }

/** A command that hangs is a failed test, not a hanging one. */
const RUN_TIMEOUT_MS = 60_000 * SLOWNESS
const WAIT_UP_TIMEOUT_MS = 20_000 * SLOWNESS

/**
 * Nothing that a test started outlives the test process: the kernel kills it then (parent-death signal). Should the
 * process have died before that was set up, the parent is another one by now.
 */
const ORPHANS_END = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'

/**
 * A network namespace. It is held by a process that reads from a pipe of the test process, so it vanishes, with the
 * links in it, when the test process ends in whatever way, SIGKILL included. It has no name under /run/netns.
 */
export class Namespace {
  /** For people: messages and `ip` errors carry it. */
  readonly label: string
  readonly #holder: Process | undefined
  readonly #processes = new Set<Process>()

  private constructor(label: string, holder: Process | undefined) {
    this.label = label
    this.#holder = holder
  }

  /** A new namespace with `lo` up. Rejects when this process may not make one. */
  static async create(label: string): Promise<Namespace> {
    const args = ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat']
    const holder = new Process(spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'] }), `namespace ${label}`)
    await holder.waitFor(/^ready$/m)
    return new Namespace(label, holder)
  }

  /** The namespace of this process, after `enterNamespace()`; throws in the machine's own, which tests must not change. */
  static here(label = 'here'): Namespace {
    if (!isInOwnNamespace()) throw new Error('the test file has to call enterNamespace() first')
    return new Namespace(label, undefined)
  }

  /** For `ip link … netns <pid>`. */
  get pid(): number {
    return this.#holder?.child.pid ?? process.pid
  }

  /** The namespace as a file, for `nsenter --net=`. */
  get path(): string {
    return `/proc/${this.pid}/ns/net`
  }

  /** The kernel's name of it, e.g. `net:[4026532183]`. */
  get id(): string {
    return readlinkSync(this.path)
  }

  #wrap(command: string, args: readonly string[]): [string, string[]] {
    const inside = ['--pdeathsig', 'KILL', 'sh', '-c', ORPHANS_END, 'sh', String(process.pid), command, ...args]
    return this.#holder === undefined
      ? ['setpriv', inside]
      : ['nsenter', [`--net=${this.path}`, '--', 'setpriv', ...inside]]
  }

  /** Runs a command to its end and returns its output whatever the status. Blocks this process: for set-up. */
  runSync(command: string, ...args: string[]): RunResult {
    const [file, argv] = this.#wrap(command, args)
    const { status, stdout, stderr, error } = spawnSync(file, argv, { encoding: 'utf8', timeout: RUN_TIMEOUT_MS })
    if (error !== undefined) throw new Error(`${this.#title(command, args)}: ${error.message}`, { cause: error })
    return { status: status ?? -1, stdout, stderr }
  }

  /** Runs a command that must succeed and returns its standard output. Blocks this process: for set-up. */
  sh(command: string, ...args: string[]): string {
    const { status, stdout, stderr } = this.runSync(command, ...args)
    if (status !== 0) throw new Error(`${this.#title(command, args)}: status ${status}\n${stdout}${stderr}`.trimEnd())
    return stdout
  }

  /** `ip` with arguments separated by blanks: `ns.ip('-6 route add default via fe80::1 dev eth0')`. */
  ip(text: string): string {
    return this.sh('ip', ...text.split(' '))
  }

  /** Sets a network sysctl by its path below /proc/sys/net: `ns.sysctl('ipv6/conf/all/forwarding', 1)`. */
  sysctl(path: string, value: string | number): void {
    this.sh('sh', '-c', `printf %s "$1" > "/proc/sys/net/$2"`, 'sh', String(value), path)
  }

  /**
   * Waits until an interface carries traffic: after the other end of a cable went up, the kernel's link watcher and IPv6
   * follow a little later, under load a lot. Throws when that takes longer than anything here can.
   */
  waitUp(name: string): void {
    const deadline = performance.now() + WAIT_UP_TIMEOUT_MS
    while (!/ state UP /.test(this.ip(`-o link show dev ${name}`)))
      if (performance.now() > deadline) throw new Error(`${this.label}: ${name} has no carrier`)
  }

  /** Runs a command to its end without blocking this process, e.g. while it answers the command's packets. */
  async run(command: string, ...args: string[]): Promise<RunResult> {
    const running = this.spawn(command, args)
    const timer = setTimeout(() => running.child.kill('SIGKILL'), RUN_TIMEOUT_MS)
    const status = await running.ended
    clearTimeout(timer)
    return { status, ...running.output }
  }

  /** Starts a process inside, e.g. a server; it is ended with the namespace. `env` is added to this process's. */
  spawn(command: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Process {
    const [file, argv] = this.#wrap(command, args)
    const child = spawn(file, argv, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    const running = new Process(child, this.#title(command, args))
    this.#processes.add(running)
    void running.ended.then(() => this.#processes.delete(running))
    return running
  }

  #title(command: string, args: readonly string[]): string {
    return `${this.label}: ${[command, ...args].join(' ')}`
  }

  /** Ends all that runs inside and lets the namespace go. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes].map((running) => running.stop()))
    await this.#holder?.stop()
  }
}
