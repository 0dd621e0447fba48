import { readEnvironment } from '@sixgate/bus'
import { type Command, JSON_OPTION } from '../command.ts'
import { rulesAnswer } from '../core/answers.ts'
import { renderColumns } from '../core/columns.ts'
import { EXIT, withNats } from '../invocation.ts'
import { askInstances } from '../io/ask-instances.ts'

export const FIREWALL_RULES: Command = {
  words: 'firewall rules',
  examples: ['firewall rules --used', 'firewall rules --json'],
  parameters: [],
  options: { used: { kind: 'flag', help: 'only rules that met packets' }, ...JSON_OPTION },
  help: 'every rule in force: what it is for, what it does, packets and bytes',
  run: async ({ variables, terminal, flag }) =>
    await withNats(variables, terminal, async ({ link }) => {
      const { answers, complaints } = await askInstances(link, 'nat44-firewall', 'rules', undefined, rulesAnswer)
      // Each gateway has rules of its own; instances that stand by have no list.
      const here = readEnvironment(variables, 'console').gateway
      const all = answers.find(({ gateway, answer }) => gateway === here && answer.length > 0)?.answer ?? []
      const rules = flag('used') ? all.filter(({ packets }) => packets > 0) : all
      if (flag('json')) terminal.print(`${JSON.stringify({ rules, complaints }, null, 2)}\n`)
      else if (answers.length > 0)
        terminal.print(
          renderColumns([
            ['CHAIN', 'RULE', 'DOES', 'PACKETS', 'BYTES', 'WHAT FOR'],
            ...rules.map(({ chain, id, verdict, packets, bytes, text }) => [
              chain,
              id,
              verdict,
              String(packets),
              String(bytes),
              text,
            ]),
          ]),
        )
      for (const complaint of complaints) terminal.complain(complaint)
      return answers.length > 0 ? EXIT.OK : EXIT.NOT_WELL
    }),
}
