import { readEnvironment } from '@sixgate/bus'
import { type Command, JSON_OPTION } from '../command.ts'
import { backupFiles } from '../core/backup.ts'
import { EXIT, refusesTerminal, withNats } from '../invocation.ts'
import { packBackup } from '../io/backup-archive.ts'
import { collectBackup } from '../io/collect-backup.ts'
import { readHistory } from '../io/history-file.ts'
import { autoFileOf } from '../service.ts'
import { siteFileOf } from './config.ts'

export const BACKUP: Command = {
  words: 'backup',
  parameters: [],
  options: { ...JSON_OPTION, json: { kind: 'flag', help: 'the files as one JSON object instead of an archive' } },
  help: 'what a new disk needs to be this site again (tar.gz, to standard output); keep it private',
  examples: ['backup > sixgate-backup.tar.gz'],
  run: async ({ variables, terminal, flag }) => {
    if (!flag('json') && refusesTerminal(terminal, 'backup', 'sixgate-backup.tar.gz')) return EXIT.USAGE
    const { stateDir } = readEnvironment(variables, 'console')
    const places = { siteFile: siteFileOf(variables), autoFile: autoFileOf(stateDir), stateDir }
    return await withNats(variables, terminal, async ({ link }) => {
      const { backup, complaints } = await collectBackup(link, places, readHistory(stateDir), Date.now())
      if (flag('json')) {
        const byName = Object.fromEntries(backupFiles(backup).map(({ name, text }) => [name, text]))
        terminal.print(`${JSON.stringify(byName, null, 2)}\n`)
      } else terminal.write(packBackup(backup))
      for (const complaint of complaints) terminal.complain(complaint)
      return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
    })
  },
}
