import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { type Link, readEnvironment } from '@sixgate/bus'
import { SiteError } from '@sixgate/site'
import { type Command, JSON_OPTION } from '../command.ts'
import { rolledBackAnswer } from '../core/answers.ts'
import { renderColumns } from '../core/columns.ts'
import { colourfulLine, diffTexts, fieldChanges, plainLine, renderDiff } from '../core/document-diff.ts'
import { findRevision, type History, type Revision } from '../core/history.ts'
import { historyRows, summariesOf } from '../core/history-rows.ts'
import { EXIT, type Terminal, type Variables, withNats } from '../invocation.ts'
import { askConsole } from '../io/ask-console.ts'
import { readHistory } from '../io/history-file.ts'
import { readPublished } from '../io/publisher.ts'
import { changedElsewhere } from '../io/publishing.ts'
import { isoTime, shortTime } from '../times.ts'
import { awaitConvergence, readFrom, siteFileOf } from './config.ts'

const historyOf = (variables: Variables): History => readHistory(readEnvironment(variables, 'console').stateDir)

export const CONFIG_HISTORY: Command = {
  words: 'config history',
  parameters: ['[REV]'],
  options: JSON_OPTION,
  help: 'revisions of the document: when (UTC), what became of them, who, what changed; the text of one',
  examples: ['config history', 'config history --json', 'config history previous > site.yaml'],
  run: async ({ variables, terminal, parameters: [wanted], flag }) => {
    const history = historyOf(variables)
    if (wanted !== undefined) {
      const result = findRevision(history, wanted)
      if ('missing' in result) throw new Error(result.missing)
      terminal.print(flag('json') ? `${JSON.stringify(result.found, null, 2)}\n` : result.found.text)
      return EXIT.OK
    }
    const summaries = summariesOf(history)
    if (flag('json')) {
      const revisions = summaries.map(({ atMs, ...rest }) => ({ ...rest, at: isoTime(atMs) }))
      terminal.print(`${JSON.stringify({ revisions }, null, 2)}\n`)
    } else if (summaries.length === 0) terminal.print('no document was published yet\n')
    else {
      terminal.print(renderColumns(historyRows(summaries, shortTime)))
      for (const { revision, reasons } of summaries)
        for (const reason of reasons) terminal.print(`revision ${revision} was put back: ${reason}\n`)
    }
    return EXIT.OK
  },
}

/** One side of a diff; `document` is undefined where the text is no document. */
interface Side {
  readonly name: string
  readonly text: string
  readonly document: unknown
}

const sideOf = ({ revision, text, document }: Revision): Side => ({
  name: `revision ${revision}`,
  text,
  document: JSON.parse(document) as unknown,
})

/** The file as it is; what is wrong with it is complained about, since its text can be compared all the same. */
const fileSide = async (variables: Variables, terminal: Terminal): Promise<Side> => {
  const name = siteFileOf(variables)
  const text = await readFile(name, 'utf8')
  const read = await readFrom(variables, name).catch((error: unknown) => {
    if (!(error instanceof SiteError)) throw error
    terminal.complain(error.message)
    return undefined
  })
  return { name, text, document: read?.document }
}

export const CONFIG_DIFF: Command = {
  words: 'config diff',
  parameters: ['[REV]', '[REV]'],
  options: JSON_OPTION,
  help: 'site.yaml against the newest revision, or REV; or two revisions',
  examples: ['config diff', 'config diff previous', 'config diff 3 5', 'config diff 3 5 --json'],
  run: async ({ variables, terminal, parameters: [first, second], flag }) => {
    const history = historyOf(variables)
    const revisionOf = (wanted: string): Side => {
      const result = findRevision(history, wanted)
      if ('missing' in result) throw new Error(result.missing)
      return sideOf(result.found)
    }
    const newest = history.at(-1)
    if (first === undefined && newest === undefined)
      throw new Error('no document was published yet: nothing to compare')
    const before = first !== undefined ? revisionOf(first) : newest && sideOf(newest)
    if (before === undefined) return EXIT.NOT_WELL
    const after = second === undefined ? await fileSide(variables, terminal) : revisionOf(second)
    const names = { before: before.name, after: after.name }
    const parts = diffTexts(before.text, after.text)
    if (flag('json')) {
      const changes = after.document === undefined ? null : fieldChanges(before.document, after.document)
      terminal.print(`${JSON.stringify({ ...names, changes, diff: renderDiff(names, parts) }, null, 2)}\n`)
    } else terminal.print(renderDiff(names, parts, terminal.hasColours ? colourfulLine : plainLine))
    return after.document === undefined ? EXIT.NOT_WELL : EXIT.OK
  },
}

/** How long the daemon may take to publish what it has just written. */
const PUBLISH_MS = 10_000
const LOOK_MS = 200

export const untilPublished = async (link: Link, document: string): Promise<boolean> => {
  const deadlineMs = Date.now() + PUBLISH_MS
  while (JSON.stringify((await readPublished(link))?.document) !== document) {
    if (Date.now() > deadlineMs) return false
    await pause(LOOK_MS)
  }
  return true
}

export const CONFIG_ROLLBACK: Command = {
  words: 'config rollback',
  parameters: ['REV'],
  options: JSON_OPTION,
  help: 'writes the text of revision REV back into site.yaml, publishes it, and waits for the services',
  examples: ['config rollback 3', 'config rollback previous'],
  run: async ({ variables, terminal, parameters: [revision], flag }) =>
    await withNats(variables, terminal, async ({ link }) => {
      const { gateway } = readEnvironment(variables, 'console')
      const elsewhere = await changedElsewhere(link, gateway)
      if (elsewhere !== undefined) {
        terminal.complain(elsewhere)
        return EXIT.NOT_WELL
      }
      const body = { revision, who: 'sixgate' }
      const { answer, complaint } = await askConsole({ link, gateway }, 'rollback', body, rolledBackAnswer)
      if (answer === undefined) {
        terminal.complain(complaint)
        return EXIT.NOT_WELL
      }
      const { document, replaced, revision: found } = answer
      const isPublished = await untilPublished(link, document)
      if (flag('json')) {
        const silent: Terminal = { ...terminal, print: () => undefined }
        const isConverged = isPublished && (await awaitConvergence(link, silent)) === EXIT.OK
        const revisionNow = (await readPublished(link))?.revision ?? 0
        const result = { from: found, isPublished, isConverged, revision: revisionNow, replaced: replaced ?? null }
        terminal.print(`${JSON.stringify(result, null, 2)}\n`)
        return isConverged ? EXIT.OK : EXIT.NOT_WELL
      }
      terminal.print(`site.yaml holds the text of revision ${found} again\n`)
      if (replaced !== undefined) terminal.print(`what it held before was no revision; it is kept in ${replaced}\n`)
      if (!isPublished) {
        terminal.complain('it is not published yet; see: sixgate status')
        return EXIT.NOT_WELL
      }
      return await awaitConvergence(link, terminal)
    }),
}
