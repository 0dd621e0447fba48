/**
 * Three name servers side by side, in namespaces of their own:
 *
 *   bench-dns-c  c0 ──────── lan0  bench-dns-g  wan0 ──────── u0  bench-dns-u
 *   dnsperf, fd00:6::c             fd00:6::1 sixgate               198.51.100.2, named:
 *                                  fd00:6::b BIND                  the internet's only name server
 *                                  fd00:6::5 unbound
 *
 * The servers under test have one processor, dnsperf and the internet the others. Nothing outside is touched.
 */
import { execFileSync } from 'node:child_process'
import { Children } from '../children.ts'

export const CLIENT = 'fd00:6::c'
export const INTERNET = '198.51.100.2'

type Place = 'c' | 'g' | 'u'
const PLACES: readonly Place[] = ['c', 'g', 'u']
const nameOf = (place: Place): string => `bench-dns-${place}`

/** A process in a namespace, with the end of what it printed. */
export interface Running {
  readonly pid: number
  readonly output: () => string
}

const ip = (...parameters: string[]): string =>
  execFileSync('ip', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

export class Lab {
  readonly #children = new Children()

  constructor(serverAddresses: readonly string[]) {
    this.#remove()
    for (const place of PLACES) ip('netns', 'add', nameOf(place))
    const links = [
      ['c', 'c0', 'lan0'],
      ['u', 'u0', 'wan0'],
    ] as const
    for (const [place, there, here] of links)
      ip('-n', nameOf('g'), 'link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', nameOf(place))
    const up = [
      ['c', 'lo'],
      ['c', 'c0'],
      ['g', 'lo'],
      ['g', 'lan0'],
      ['g', 'wan0'],
      ['u', 'lo'],
      ['u', 'u0'],
    ] as const
    for (const [place, link] of up) ip('-n', nameOf(place), 'link', 'set', link, 'up')
    const add = (place: Place, link: string, address: string): string =>
      ip('-n', nameOf(place), 'address', 'add', address, 'dev', link, ...(address.includes(':') ? ['nodad'] : []))
    add('c', 'c0', `${CLIENT}/64`)
    for (const address of serverAddresses) add('g', 'lan0', `${address}/64`)
    add('g', 'wan0', '198.51.100.1/24')
    add('u', 'u0', `${INTERNET}/24`)
  }

  /** Runs a command to its end and returns what it printed; throws when it fails. */
  run(place: Place, command: string, ...parameters: string[]): string {
    return execFileSync('ip', ['netns', 'exec', nameOf(place), command, ...parameters], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
      timeout: 180_000,
    })
  }

  /** Starts a command on a processor; it goes on until `close`. `ip` and `taskset` become it, so the pid is its own. */
  start(
    place: Place,
    { processor, environment = {} }: { processor: number; environment?: Record<string, string> },
    command: string,
    ...parameters: string[]
  ): Running {
    const pinned = ['taskset', '-c', String(processor), command, ...parameters]
    const { process, output } = this.#children.start(environment, 'ip', 'netns', 'exec', nameOf(place), ...pinned)
    if (process.pid === undefined) throw new Error(`${command} cannot be started`)
    return { pid: process.pid, output }
  }

  async close(): Promise<void> {
    await this.#children.end()
    this.#remove()
  }

  #remove(): void {
    const there = new Set(
      ip('netns', 'list')
        .split('\n')
        .map((line) => line.split(' ')[0]),
    )
    for (const place of PLACES) if (there.has(nameOf(place))) ip('netns', 'del', nameOf(place))
  }
}
