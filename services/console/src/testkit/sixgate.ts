import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BUCKETS, KvBucket, type NatsSite, type ServiceName, type Status, VERSION } from '@sixgate/bus'
import { Process } from '@sixgate/testkit'
import { runCommand } from '../commands.ts'
import { SiteLab, siteYaml } from './site-lab.ts'

export const CLI = join(import.meta.dirname, '../cli.ts')
export const DAEMON = join(import.meta.dirname, '../main.ts')

/** How a command line ended. */
export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `sixgate …` as a process, as the wrapper in the image does. */
export const sixgate = async (lab: SiteLab, words: string, more: Record<string, string> = {}): Promise<Outcome> => {
  const running = lab.run('console', CLI, words.split(' '), more)
  return { status: await running.ended, ...running.output }
}

/** The program, in a line for `shell`. */
export const SIXGATE = `'${process.execPath}' '${CLI}'`

/** Runs a line of bash with the environment of the console. */
export const shell = async (lab: SiteLab, line: string, more: Record<string, string> = {}): Promise<Outcome> => {
  const env = { PATH: process.env.PATH, ...lab.environment('console'), ...more }
  const running = new Process(spawn('bash', ['--norc', '-c', line], { env }), line)
  return { status: await running.ended, ...running.output }
}

/** A line for `shell` that runs as on a terminal: both outputs come as one, lines end as a terminal has them. */
export const onTerminal = (line: string): string => `script -qefc ${quoted(line)} /dev/null </dev/null`

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** Runs `sixgate …` in this process, as a command whose output goes to a pipe. */
export const sixgateHere = async (lab: SiteLab | undefined, words: string): Promise<Outcome> => {
  const said = { stdout: '', stderr: '' }
  const status = await runCommand(words.split(' '), lab?.environment('console') ?? {}, {
    isInteractive: false,
    hasColours: false,
    closed: new AbortController().signal,
    print: (text) => (said.stdout += text),
    write: (bytes) => (said.stdout += Buffer.from(bytes).toString('base64')),
    complain: (text) => (said.stderr += `sixgate: ${text}\n`),
  })
  return { status, ...said }
}

/** Puts a report into NATS over a connection of the service itself. */
export const putReport = async (
  { link }: NatsSite,
  service: ServiceName,
  more: Partial<Status> = {},
): Promise<void> => {
  const status: Status = {
    service,
    instance: 'a',
    version: VERSION,
    revision: 1,
    state: 'ok',
    sinceMs: Date.now() - 65_000,
    problems: [],
    counters: {},
    startedAtMs: Date.now() - 70_000,
    // Ahead of time, so that a slow machine does not make it look silent.
    atMs: Date.now() + 60_000,
    ...more,
  }
  await new KvBucket(link, BUCKETS.STATUS).put(
    `${service}.${status.instance}`,
    new TextEncoder().encode(JSON.stringify(status)),
  )
}

/** Puts a report into NATS with the rights of the service itself, whose connection it returns. */
export const report = async (lab: SiteLab, service: ServiceName, more: Partial<Status> = {}): Promise<NatsSite> => {
  const nats = await lab.connect(service, more.instance ?? 'a')
  await putReport(nats, service, more)
  return nats
}

/** A lab with a daemon that has published revision 1, which is `document`. */
export const withDaemon = async (document = siteYaml()): Promise<SiteLab> => {
  const lab = await SiteLab.start()
  lab.writeSite(document)
  await lab.run('console', DAEMON).waitFor(/state: ok/)
  return lab
}
