/**
 * One gateway between two hosts, in three network namespaces of its own:
 *
 *   bench-V-c  c0 ───────── lan0  bench-V-g  wan0 ───────── s0  bench-V-s
 *              fd00:6::2        fd00:6::1    198.51.100.1       198.51.100.2, fd00:4::2
 *                                            fd00:4::1
 *
 * V is the variant's letter. Nothing outside these namespaces is touched.
 */
import { execFileSync } from 'node:child_process'
import { Children, type Running } from '../children.ts'

export const CLIENT6 = 'fd00:6::2'
export const SERVER4 = '198.51.100.2'
export const SERVER6 = 'fd00:4::2'
export const CLIENT4 = '192.0.2.2'

export class Lab {
  readonly letter: string
  readonly #children = new Children()

  constructor(letter: string) {
    this.letter = letter
    this.#remove()
    for (const place of ['c', 'g', 's'] as const) this.#ip('netns', 'add', this.#name(place))
    this.#ip(
      '-n',
      this.#name('g'),
      'link',
      'add',
      'lan0',
      'type',
      'veth',
      'peer',
      'name',
      'c0',
      'netns',
      this.#name('c'),
    )
    this.#ip(
      '-n',
      this.#name('g'),
      'link',
      'add',
      'wan0',
      'type',
      'veth',
      'peer',
      'name',
      's0',
      'netns',
      this.#name('s'),
    )
    const links = [
      ['c', 'lo'],
      ['c', 'c0'],
      ['g', 'lo'],
      ['g', 'lan0'],
      ['g', 'wan0'],
      ['s', 'lo'],
      ['s', 's0'],
    ] as const
    for (const [place, link] of links) this.#ip('-n', this.#name(place), 'link', 'set', link, 'up')
    const addresses = [
      ['c', 'c0', `${CLIENT6}/64`],
      ['c', 'c0', `${CLIENT4}/24`],
      ['g', 'lan0', 'fd00:6::1/64'],
      ['g', 'lan0', '192.0.2.1/24'],
      ['g', 'wan0', '198.51.100.1/24'],
      ['g', 'wan0', 'fd00:4::1/64'],
      ['s', 's0', `${SERVER4}/24`],
      ['s', 's0', `${SERVER6}/64`],
    ] as const
    for (const [place, link, address] of addresses)
      this.#ip(
        '-n',
        this.#name(place),
        'address',
        'add',
        address,
        'dev',
        link,
        ...(address.includes(':') ? ['nodad'] : []),
      )
    this.run('c', 'ip', '-6', 'route', 'add', 'default', 'via', 'fd00:6::1')
    this.run('c', 'ip', 'route', 'add', 'default', 'via', '192.0.2.1')
    this.run('s', 'ip', '-6', 'route', 'add', 'default', 'via', 'fd00:4::1')
    this.run('g', 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  }

  #name(place: 'c' | 'g' | 's'): string {
    return `bench-${this.letter}-${place}`
  }

  #ip(...parameters: string[]): void {
    execFileSync('ip', parameters, { stdio: ['ignore', 'ignore', 'pipe'] })
  }

  #remove(): void {
    const there = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    for (const place of ['c', 'g', 's'] as const) {
      if (there.split('\n').some((line) => line.split(' ')[0] === this.#name(place)))
        this.#ip('netns', 'del', this.#name(place))
    }
  }

  /** Runs a command in the client (`c`), gateway (`g`) or server (`s`) to its end; returns what it printed, throws when it fails. */
  run(place: 'c' | 'g' | 's', command: string, ...parameters: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.#name(place), command, ...parameters], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    })
  }

  /** Feeds `input` to a command in the gateway. */
  feed(input: string, command: string, ...parameters: string[]): void {
    execFileSync('ip', ['netns', 'exec', this.#name('g'), command, ...parameters], {
      input,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
  }

  /** Starts a command that goes on until `close`. `ip netns exec` becomes the command, so the pid is the command's own. */
  start(
    place: 'c' | 'g' | 's',
    environment: Record<string, string>,
    command: string,
    ...parameters: string[]
  ): Running {
    return this.#children.start(environment, 'ip', 'netns', 'exec', this.#name(place), command, ...parameters)
  }

  async close(): Promise<void> {
    await this.#children.end()
    this.#remove()
  }
}
