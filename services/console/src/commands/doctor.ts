import { KvError, type Link, readEnvironment, SERVICE_NAMES } from '@sixgate/bus'
import { isWell, renderChecks } from '@sixgate/obs'
import { type Command, JSON_OPTION } from '../command.ts'
import { checksAnswer } from '../core/answers.ts'
import { problemChecks } from '../core/checks.ts'
import { EXIT, withNats } from '../invocation.ts'
import { askInstances } from '../io/ask-instances.ts'
import { readReports } from '../io/reports.ts'

/** What services report as problems stands first: the checks of the host often say why. */
export const DOCTOR: Command = {
  words: 'doctor',
  examples: ['doctor', 'doctor --json'],
  parameters: [],
  options: JSON_OPTION,
  help: 'looks at this machine and at every service: what is wrong, and how to mend it',
  run: async ({ variables, terminal, flag }) => {
    const look = async (link: Link): Promise<number> => {
      const { gateway } = readEnvironment(variables, 'console')
      const services = problemChecks(await readReports(link), SERVICE_NAMES, Date.now(), gateway)
      const { answers, complaints } = await askInstances(link, 'nat44-firewall', 'checks', undefined, checksAnswer)
      // Instances of a gateway share the machine: the first one speaks for it.
      const checks = [...services, ...(answers.find((one) => one.gateway === gateway)?.answer ?? [])]
      const well = isWell(checks) && complaints.length === 0
      if (flag('json')) terminal.print(`${JSON.stringify({ isWell: well, checks, complaints }, null, 2)}\n`)
      else terminal.print(renderChecks(checks))
      for (const complaint of complaints) terminal.complain(complaint)
      return well ? EXIT.OK : EXIT.NOT_WELL
    }
    try {
      return await withNats(variables, terminal, async ({ link }) => await look(link))
    } catch (error) {
      if (error instanceof KvError)
        terminal.complain('no service can be asked; what can be seen of this machine: make doctor')
      throw error
    }
  },
}
