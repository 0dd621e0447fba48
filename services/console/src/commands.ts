import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type NatsSite, openNats, readEnvironment } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { readSite, SiteError } from '@sixgate/site'
import { stringify } from 'yaml'
import { autoFileOf } from './console.ts'
import { overviewOf, type SiteOverview } from './core/convergence.ts'
import { colourful, plain, renderStatus } from './core/status-table.ts'
import { Publisher, readPublished } from './io/publisher.ts'
import { readReports } from './io/reports.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** 0: all is well; 1: something is not; 2: the command was wrong. */
const EXIT = { OK: 0, NOT_WELL: 1, USAGE: 2 } as const

const HELP = `sixgate: the gateway of this site

  sixgate status [--watch] [--json]   every service: instance, revision of the document, state, what to do about problems
  sixgate config show [--json]        the document in force, with what "auto" stands for
  sixgate config validate [FILE]      checks site.yaml, or FILE, and changes nothing
  sixgate config apply                publishes site.yaml now and waits until every service runs it

Examples
  docker compose exec console sixgate status
  docker compose exec console sixgate config validate

Exit status: 0 all is well, 1 something is not, 2 the command was wrong.
`

const WATCH_MS = 2000
const CONNECT_MS = 5000
const CONVERGE_MS = 30_000

const out = (text: string): void => void process.stdout.write(text)
const complain = (text: string): void => void process.stderr.write(`sixgate: ${text}\n`)

/** Runs `work` with a connection to NATS. */
const withNats = async (variables: Variables, work: (nats: NatsSite) => Promise<number>): Promise<number> => {
  const { site } = readEnvironment(variables, 'console')
  if (site.kind !== 'nats') throw new Error('SITE: must be nats://HOST:PORT for this command')
  const log = createLogger({ service: 'console', instance: 'cli', level: 'silent' })
  const nats = openNats({
    url: site.url,
    seedFile: site.seedFile,
    service: 'console',
    instance: `cli-${process.pid}`,
    log,
  })
  try {
    if (!(await nats.link.ready(CONNECT_MS))) {
      complain(`${nats.link.complaint ?? `NATS at ${site.url} does not answer`}; see: docker compose ps nats`)
      return EXIT.NOT_WELL
    }
    return await work(nats)
  } finally {
    await nats.link.close()
  }
}

const overview = async (nats: NatsSite): Promise<SiteOverview> => {
  const published = await readPublished(nats.link, nats)
  return overviewOf(published?.revision ?? 0, await readReports(nats.link))
}

const status = async (variables: Variables, options: { json: boolean; watch: boolean }): Promise<number> =>
  await withNats(variables, async (nats) => {
    const isTerminal = process.stdout.isTTY
    for (;;) {
      const now = await overview(nats)
      if (options.watch && isTerminal) out('\u001b[H\u001b[2J')
      out(
        options.json
          ? `${JSON.stringify(now, null, 2)}\n`
          : renderStatus(now, Date.now(), isTerminal ? colourful : plain),
      )
      if (!options.watch) return now.isConverged ? EXIT.OK : EXIT.NOT_WELL
      await pause(WATCH_MS)
    }
  })

const show = async (variables: Variables, json: boolean): Promise<number> =>
  await withNats(variables, async (nats) => {
    const published = await readPublished(nats.link, nats)
    if (published === undefined) {
      complain('no document was published yet; see: sixgate status')
      return EXIT.NOT_WELL
    }
    out(
      json
        ? `${JSON.stringify(published, null, 2)}\n`
        : `# revision ${published.revision}\n${stringify(published.document)}`,
    )
    return EXIT.OK
  })

const siteFileOf = (variables: Variables, file: string | undefined): string =>
  file ?? variables.SITE_FILE ?? 'deploy/site.yaml'

const validate = async (variables: Variables, file: string): Promise<number> => {
  const { stateDir } = readEnvironment(variables, 'console')
  await readSite(await readFile(file, 'utf8'), file, autoFileOf(stateDir))
  out(`${file}: a good site document\n`)
  return EXIT.OK
}

const apply = async (variables: Variables, file: string): Promise<number> => {
  const { stateDir } = readEnvironment(variables, 'console')
  const { document } = await readSite(await readFile(file, 'utf8'), file, autoFileOf(stateDir))
  return await withNats(variables, async (nats) => {
    const publisher = new Publisher(nats, createLogger({ service: 'console', instance: 'cli', level: 'silent' }))
    await publisher.publish(JSON.stringify(document))
    publisher.close()
    if (publisher.failure !== undefined) throw new Error(publisher.failure)
    out(`revision ${publisher.revision} is published; waiting for the services …\n`)
    const deadline = Date.now() + CONVERGE_MS
    let now = await overview(nats)
    while (!now.isConverged && Date.now() < deadline) {
      await pause(500)
      now = await overview(nats)
    }
    out(renderStatus(now, Date.now(), process.stdout.isTTY ? colourful : plain))
    return now.isConverged ? EXIT.OK : EXIT.NOT_WELL
  })
}

const dispatch = async (parameters: string[], variables: Variables): Promise<number> => {
  const { positionals, values } = parseArgs({
    args: parameters,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, watch: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  const [command, action, file] = positionals
  const json = values.json ?? false
  if (values.help === true || command === 'help') {
    out(HELP)
    return EXIT.OK
  }
  if (command === 'status' && action === undefined)
    return await status(variables, { json, watch: values.watch ?? false })
  if (command === 'config' && action === 'show') return await show(variables, json)
  if (command === 'config' && action === 'validate') return await validate(variables, siteFileOf(variables, file))
  if (command === 'config' && action === 'apply' && file === undefined)
    return await apply(variables, siteFileOf(variables, file))
  complain(command === undefined ? 'which command?' : `there is no command "${positionals.join(' ')}"`)
  process.stderr.write(HELP)
  return EXIT.USAGE
}

const isParseArgsError = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')

/** Runs one command line, without the program's name. Returns the exit status. */
export const runCommand = async (parameters: string[], variables: Variables): Promise<number> => {
  try {
    return await dispatch(parameters, variables)
  } catch (error) {
    if (isParseArgsError(error)) {
      complain(error.message)
      return EXIT.USAGE
    }
    complain(error instanceof Error ? error.message : String(error))
    if (error instanceof SiteError) complain('nothing was changed')
    return EXIT.NOT_WELL
  }
}
