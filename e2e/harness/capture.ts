import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { inNetns, type Netns } from './netns.ts'

/** Packets on a link of a namespace, as tcpdump writes them, one line each. */
export interface Capture {
  /** The lines so far. */
  lines(): readonly string[]
  /** Ends the capture and returns all its lines. */
  stop(): Promise<readonly string[]>
}

/**
 * Starts tcpdump and returns once it sees packets, so nothing sent after that is missed.
 * @param direction as the namespace sees it
 */
export async function capture(
  netns: Netns,
  link: string,
  direction: 'in' | 'out' | 'inout',
  filter: string,
): Promise<Capture> {
  const [file = '', ...args] = inNetns(netns, [
    'tcpdump',
    '-i',
    link,
    '-Q',
    direction,
    '-nn',
    '-l',
    '--immediate-mode',
    filter,
  ])
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const listening = Promise.withResolvers<void>()
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    if (err.includes('listening on')) listening.resolve()
  })
  const closed = once(child, 'close')
  child.on('error', listening.reject)
  child.on('close', () => listening.reject(new Error(`tcpdump on ${link}: ${err.trim()}`)))
  await listening.promise
  const lines = () => out.split('\n').filter((line) => line !== '')
  return {
    lines,
    stop: async () => {
      child.kill('SIGINT')
      await closed
      return lines()
    },
  }
}
