import { readFile } from 'node:fs/promises'
import { text as textOf } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { type Link, readEnvironment } from '@sixgate/bus'
import { messageOf } from '@sixgate/obs'
import { type ReadSite, readSite, SiteError } from '@sixgate/site'
import { stringify } from 'yaml'
import { autoFileOf } from '../service.ts'
import { type Command, JSON_OPTION } from '../command.ts'
import { anyAnswer } from '../core/answers.ts'
import { EXIT, type Terminal, unreadable, type Variables, withNats } from '../invocation.ts'
import { askConsole } from '../io/ask-console.ts'
import { putDocument, readPublished } from '../io/publisher.ts'
import { changedElsewhere } from '../io/publishing.ts'
import { overviewNow, overviewText, printOverview } from './status.ts'

const CONVERGE_MS = 30_000
const ASK_AGAIN_MS = 500

/**
 * Reads a site document with the values that the daemon keeps for `auto`; `-` is standard input. Throws SiteError, or that the file cannot
 * be read.
 */
export const readFrom = async (variables: Variables, file: string): Promise<ReadSite> => {
  // Not by /dev/stdin: what is a socket there cannot be opened.
  const content = file === '-' ? textOf(process.stdin) : readFile(file, 'utf8')
  const text = await content.catch((cause: unknown) => {
    const isSiteFile = file === siteFileOf(variables)
    const own = `${file}: cannot be read (${messageOf(cause)}); it is the site document, by SITE_FILE`
    throw new Error(isSiteFile ? own : unreadable(file, 'config validate', cause), { cause })
  })
  const name = file === '-' ? 'standard input' : file
  const { STATE_DIR: stateDir } = variables
  return stateDir ? await readSite(text, name, autoFileOf(stateDir)) : await readSite(text, name)
}

export const siteFileOf = ({ SITE_FILE: siteFile }: Variables): string => siteFile || 'deploy/site.yaml'

export const CONFIG_SHOW: Command = {
  words: 'config show',
  examples: ['config show', 'config show --json'],
  parameters: [],
  options: JSON_OPTION,
  help: 'the document in force, with what "auto" stands for',
  run: async ({ variables, terminal, flag }) =>
    await withNats(variables, terminal, async ({ link }) => {
      const published = await readPublished(link)
      if (published === undefined) {
        terminal.complain('no site document was published yet; see: sixgate status')
        return EXIT.NOT_WELL
      }
      const { revision, document } = published
      terminal.print(
        flag('json') ? `${JSON.stringify(published, null, 2)}\n` : `# revision ${revision}\n${stringify(document)}`,
      )
      return EXIT.OK
    }),
}

/** Works without NATS too. */
export const CONFIG_VALIDATE: Command = {
  words: 'config validate',
  examples: ['config validate', 'config validate - < new-site.yaml'],
  parameters: ['[FILE]'],
  options: JSON_OPTION,
  help: 'checks site.yaml, or FILE (- for standard input), and changes nothing',
  run: async ({ variables, terminal, parameters: [file = siteFileOf(variables)], flag }) => {
    try {
      const { document } = await readFrom(variables, file)
      terminal.print(
        flag('json')
          ? `${JSON.stringify({ file, isValid: true, issues: [], document }, null, 2)}\n`
          : `${file}: a good site document\n`,
      )
      return EXIT.OK
    } catch (error) {
      if (!flag('json') || !(error instanceof SiteError)) throw error
      terminal.print(`${JSON.stringify({ file, isValid: false, issues: error.issues, document: null }, null, 2)}\n`)
      return EXIT.NOT_WELL
    }
  },
}

/** Waits until every service runs the document that stands in NATS now, or time is over. Prints how it went. */
export const awaitConvergence = async (link: Link, terminal: Terminal, json = false): Promise<number> => {
  const deadlineMs = Date.now() + CONVERGE_MS
  let overview = await overviewNow(link)
  while (!overview.isConverged && Date.now() < deadlineMs) {
    await pause(ASK_AGAIN_MS)
    overview = await overviewNow(link)
  }
  if (json) terminal.print(overviewText(overview))
  else printOverview(overview, terminal)
  return overview.isConverged ? EXIT.OK : EXIT.NOT_WELL
}

/** What saving the file does too, but one sees how it goes. */
export const CONFIG_APPLY: Command = {
  words: 'config apply',
  examples: ['config apply'],
  parameters: [],
  options: JSON_OPTION,
  help: 'publishes site.yaml now and waits until every service runs it',
  run: async ({ variables, terminal, flag }) => {
    const { gateway } = readEnvironment(variables, 'console')
    const { document } = await readFrom(variables, siteFileOf(variables))
    return await withNats(variables, terminal, async ({ link }) => {
      const elsewhere = await changedElsewhere(link, gateway)
      if (elsewhere !== undefined) {
        terminal.complain(elsewhere)
        return EXIT.NOT_WELL
      }
      // What was put back is published by the daemon alone, which would undo it again otherwise.
      await askConsole({ link, gateway }, 'try-again', undefined, anyAnswer)
      let standing = await putDocument(link, JSON.stringify(document))
      // Undefined: the daemon published at the same moment; then it stands there already, or is put again.
      while (standing === undefined) standing = await putDocument(link, JSON.stringify(document))
      const { revision, isNew } = standing
      if (!flag('json'))
        terminal.print(
          `revision ${revision} ${isNew ? 'is published' : 'was published before'}; waiting for the services …\n`,
        )
      return await awaitConvergence(link, terminal, flag('json'))
    })
  },
}
