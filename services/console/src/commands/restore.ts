import { type Link, readEnvironment } from '@sixgate/bus'
import { type Command, JSON_OPTION } from '../command.ts'
import { savedAnswer } from '../core/answers.ts'
import { BackupError } from '../core/backup.ts'
import { printable } from '../core/columns.ts'
import { colourfulLine, diffTexts, plainLine, renderDiff } from '../core/document-diff.ts'
import { previewText } from '../core/restore-preview.ts'
import { EXIT, type Terminal, unreadable, withNats } from '../invocation.ts'
import { askConsole } from '../io/ask-console.ts'
import { type CheckedBackup, openBackup, readArchive } from '../io/backup-archive.ts'
import type { SitePlaces } from '../io/collect-backup.ts'
import { previewRestore } from '../io/preview-restore.ts'
import { readPublished } from '../io/publisher.ts'
import { changedElsewhere } from '../io/publishing.ts'
import { type RestoredMappings, restoreMappings } from '../io/restore-mappings.ts'
import { hostAdvice, stageArchive, unstageArchive } from '../io/restorer.ts'
import { siteFileText } from '../io/site-file.ts'
import { autoFileOf } from '../service.ts'
import { awaitConvergence, siteFileOf } from './config.ts'
import { untilPublished } from './config-history.ts'

const DIFF_NAMES = { before: 'site.yaml', after: 'site.yaml of the backup' }

/** What went wrong with the archive, with its name, and that nothing was changed. */
const opened = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    // A path of the host, most likely.
    if (error instanceof Error && 'syscall' in error)
      throw new Error(`${unreadable(file, 'restore', error)}\nnothing was changed`, { cause: error })
    if (!(error instanceof BackupError)) throw error
    const name = file === '-' ? 'standard input' : file
    throw new Error(`${name}: cannot be restored: ${error.message}\nnothing was changed`, { cause: error })
  }
}

interface Done {
  readonly isPublished: boolean
  readonly isConverged: boolean
  /** Null: the backup has none. */
  readonly mappings: RestoredMappings | null
}

/** Mappings come last: nat64 takes those that the restored document has room for. Undefined: nothing was done, which was complained about. */
const restore = async (
  link: Link,
  terminal: Terminal,
  { gateway, ...places }: SitePlaces & { readonly gateway: string | undefined },
  archive: Uint8Array,
  backup: CheckedBackup,
): Promise<Done | undefined> => {
  const elsewhere = await changedElsewhere(link, gateway)
  if (elsewhere !== undefined) {
    terminal.complain(elsewhere)
    return undefined
  }
  const body = { digest: stageArchive(places.stateDir, archive), who: 'sixgate, restore' }
  try {
    const { answer, complaint } = await askConsole({ link, gateway }, 'restore', body, savedAnswer)
    if (answer === undefined) {
      terminal.complain(complaint)
      return undefined
    }
    const { document, replaced } = answer
    terminal.print('site.yaml holds the text of the backup\n')
    if (replaced !== undefined) terminal.print(`what it held before was no revision; it is kept in ${replaced}\n`)
    const isPublished = await untilPublished(link, document)
    const isConverged = isPublished && (await awaitConvergence(link, terminal)) === EXIT.OK
    const mappings = backup.mappings === undefined ? null : await restoreMappings(link, backup.mappings)
    return { isPublished, isConverged, mappings }
  } finally {
    unstageArchive(places.stateDir)
  }
}

/** Says how it went. Returns the exit status. */
const conclude = (terminal: Terminal, { isPublished, isConverged, mappings }: Done): number => {
  if (!isPublished) terminal.complain('the document is not published yet; see: sixgate status')
  const { restored, already, unfit, busy, complaints } = mappings ?? {
    restored: 0,
    already: 0,
    unfit: [],
    busy: [],
    complaints: [],
  }
  if (mappings !== null) terminal.print(`addresses of hosts: ${restored} given back, ${already} as they were\n`)
  if (unfit.length > 0)
    terminal.complain(`${unfit.length} addresses are not in the document in force: ${unfit.slice(0, 5).join(' ')}`)
  if (busy.length > 0) terminal.complain(`${busy.length} hosts got another address meanwhile; restore once more`)
  for (const complaint of complaints) terminal.complain(complaint)
  const isWell = isConverged && unfit.length + busy.length + complaints.length === 0
  return isWell ? EXIT.OK : EXIT.NOT_WELL
}

export const RESTORE: Command = {
  words: 'restore',
  parameters: ['FILE'],
  options: { yes: { kind: 'flag', help: 'does it; without, it only says what would change' }, ...JSON_OPTION },
  help: 'what a backup would change; with --yes, makes this the site of the backup again. FILE may be - for standard input',
  examples: ['restore - < sixgate-backup.tar.gz', 'restore --yes - < sixgate-backup.tar.gz'],
  run: async ({ variables, terminal, parameters: [file = '-'], flag }) => {
    if (file === '-' && process.stdin.isTTY) {
      terminal.complain('a backup is read from a file: docker compose exec -T console sixgate restore - < FILE')
      return EXIT.USAGE
    }
    const { stateDir, gateway } = readEnvironment(variables, 'console')
    const places = { gateway, siteFile: siteFileOf(variables), autoFile: autoFileOf(stateDir), stateDir }
    const archive = await opened(file, async () => await readArchive(file))
    const backup = await opened(file, async () => await openBackup(archive, places.autoFile))
    return await withNats(variables, terminal, async ({ link }) => {
      const parts = diffTexts(printable(siteFileText(places.siteFile) ?? ''), printable(backup.site))
      const { complaints, ...preview } = await previewRestore(link, places, backup, renderDiff(DIFF_NAMES, parts))
      const isJson = flag('json')
      if (!isJson) {
        const paint = terminal.hasColours ? colourfulLine : plainLine
        terminal.print(previewText(preview, renderDiff(DIFF_NAMES, parts, paint)))
        if (preview.rules.length > 0) terminal.print(`rules of the owner are written ${hostAdvice}\n`)
      }
      if (!flag('yes')) {
        if (isJson) terminal.print(`${JSON.stringify({ ...preview, isDone: false }, null, 2)}\n`)
        else terminal.print('nothing was changed; with --yes it is done\n')
        for (const complaint of complaints) terminal.complain(complaint)
        return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
      }
      const steps: Terminal = isJson ? { ...terminal, print: () => undefined } : terminal
      const done = await restore(link, steps, places, archive, backup)
      if (done === undefined) return EXIT.NOT_WELL
      const status = conclude(steps, done)
      if (isJson) {
        const revision = (await readPublished(link))?.revision ?? 0
        terminal.print(`${JSON.stringify({ ...preview, isDone: true, revision, done }, null, 2)}\n`)
      }
      return status
    })
  },
}
