import type { Command } from '../command.ts'
import { JSON_OPTION } from '../command.ts'
import { dropsAnswer } from '../core/answers.ts'
import { renderColumns } from '../core/columns.ts'
import { sumDrops } from '../core/drops.ts'
import { EXIT, withNats } from '../invocation.ts'
import { askInstances } from '../io/ask-instances.ts'

export const DROPS: Command = {
  words: 'drops',
  examples: ['drops', 'drops --json'],
  parameters: [],
  options: JSON_OPTION,
  help: 'packets that nat64 did not translate: how many, why, what to do',
  run: async ({ variables, terminal, flag }) =>
    await withNats(variables, terminal, async ({ link }) => {
      const { answers, complaints } = await askInstances(link, 'nat64', 'drops', undefined, dropsAnswer)
      const drops = sumDrops(answers.map(({ answer }) => answer))
      if (flag('json')) terminal.print(`${JSON.stringify({ drops, complaints }, null, 2)}\n`)
      else if (drops.length > 0)
        terminal.print(
          renderColumns([
            ['PACKETS', 'REASON', 'WHAT IT MEANS'],
            ...drops.map(({ reason, packets, sentence }) => [String(packets), reason, sentence]),
          ]),
        )
      else if (answers.length > 0) terminal.print('no packet was dropped since nat64 started\n')
      for (const complaint of complaints) terminal.complain(complaint)
      return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
    }),
}
