import type { z } from 'zod'
import type { Command } from '../command.ts'
import { JSON_OPTION } from '../command.ts'
import { explanationAnswer } from '../core/answers.ts'
import { printable } from '../core/columns.ts'
import { EXIT, UsageError, withNats } from '../invocation.ts'
import { askInstances } from '../io/ask-instances.ts'

type Explanation = z.infer<typeof explanationAnswer>

const render = (instance: string, { question, rcode, records, because }: Explanation): string =>
  [
    `${question}: ${rcode} (dns64 ${instance})`,
    ...records.map((record) => `  ${record}`),
    'because',
    ...because.map((sentence) => `  - ${sentence}`),
    '',
  ]
    .map(printable)
    .join('\n')

export const DNS_EXPLAIN: Command = {
  words: 'dns explain',
  examples: ['dns explain www.example.net', 'dns explain www.example.net --type=A --client=fd00:1:2:2::10'],
  parameters: ['NAME'],
  options: {
    type: { kind: 'value', help: 'of the records, AAAA unless given' },
    client: { kind: 'value', help: 'address of the host that asks' },
    ...JSON_OPTION,
  },
  help: 'why the answer to NAME is what it is, from every dns64',
  run: async ({ variables, terminal, parameters, flag, value }) => {
    const [name] = parameters
    const body = { name, type: value('type'), client: value('client') }
    return await withNats(variables, terminal, async ({ link }) => {
      const { answers, complaints, wrong } = await askInstances(link, 'dns64', 'explain', body, explanationAnswer)
      if (wrong !== undefined) throw new UsageError(`"dns explain": ${wrong}`)
      if (flag('json')) terminal.print(`${JSON.stringify({ answers, complaints }, null, 2)}\n`)
      else for (const { instance, answer } of answers) terminal.print(render(instance, answer))
      for (const complaint of complaints) terminal.complain(complaint)
      return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
    })
  },
}
