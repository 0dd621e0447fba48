import { LOG_LEVEL_QUESTION, SERVICE_NAMES } from '@sixgate/bus'
import { LOG_LEVELS } from '@sixgate/obs'
import { type Command, JSON_OPTION } from '../command.ts'
import { logLevelAnswer } from '../core/answers.ts'
import { renderColumns } from '../core/columns.ts'
import { EXIT, withNats } from '../invocation.ts'
import { askInstances } from '../io/ask-instances.ts'

export const LOG_LEVEL: Command = {
  words: 'log level',
  parameters: ['[SERVICE]', '[LEVEL]'],
  choices: { SERVICE: SERVICE_NAMES, LEVEL: LOG_LEVELS },
  options: JSON_OPTION,
  help: `at which level services log; LEVEL (${LOG_LEVELS.join(' ')}) changes it until the service is restarted`,
  examples: ['log level', 'log level nat64', 'log level nat64 debug', 'log level nat64 info'],
  run: async ({ variables, terminal, parameters: [wanted, level], flag }) => {
    const services = SERVICE_NAMES.filter((service) => wanted === undefined || service === wanted)
    return await withNats(variables, terminal, async ({ link }) => {
      const body = level === undefined ? undefined : { level }
      const asked = await Promise.all(
        services.map(async (service) => ({
          service,
          ...(await askInstances(link, service, LOG_LEVEL_QUESTION, body, logLevelAnswer)),
        })),
      )
      const levels = asked.flatMap(({ service, answers }) =>
        answers.map(({ instance, answer }) => ({ service, instance, ...answer })),
      )
      const complaints = asked.flatMap((one) => one.complaints)
      if (flag('json')) terminal.print(`${JSON.stringify({ levels, complaints }, null, 2)}\n`)
      else if (levels.length > 0)
        terminal.print(
          renderColumns([
            ['SERVICE', 'INSTANCE', 'LEVEL', 'BEFORE'],
            ...levels.map((one) => [one.service, one.instance, one.level, one.before]),
          ]),
        )
      for (const complaint of complaints) terminal.complain(complaint)
      return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
    })
  },
}
