import { gzipSync } from 'node:zlib'
import { readEnvironment } from '@sixgate/bus'
import { type Command, JSON_OPTION } from '../command.ts'
import { ustar } from '../core/ustar.ts'
import { EXIT, refusesTerminal, withNats } from '../invocation.ts'
import { readHistory } from '../io/history-file.ts'
import { supportFiles } from '../io/support-files.ts'
import { siteFileOf } from './config.ts'

export const SUPPORT_BUNDLE: Command = {
  words: 'support-bundle',
  parameters: [],
  options: { ...JSON_OPTION, json: { kind: 'flag', help: 'the files as one JSON object instead of an archive' } },
  help: 'status, checks, rules, events and the document in one archive (tar.gz, to standard output), secrets redacted',
  examples: ['support-bundle > sixgate-support.tar.gz'],
  run: async ({ variables, terminal, flag }) => {
    if (!flag('json') && refusesTerminal(terminal, 'support-bundle', 'sixgate-support.tar.gz')) return EXIT.USAGE
    const { stateDir } = readEnvironment(variables, 'console')
    return await withNats(variables, terminal, async ({ link }) => {
      const nowMs = Date.now()
      const files = await supportFiles({ link, siteFile: siteFileOf(variables), history: readHistory(stateDir), nowMs })
      if (flag('json')) {
        const byName = Object.fromEntries(files.map(({ name, text }) => [name, text]))
        terminal.print(`${JSON.stringify(byName, null, 2)}\n`)
      } else terminal.write(gzipSync(ustar(files, Math.floor(nowMs / 1000))))
      return EXIT.OK
    })
  },
}
