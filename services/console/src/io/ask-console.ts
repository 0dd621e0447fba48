import { type Answer, ask, type Link } from '@sixgate/bus'
import { readReports } from './reports.ts'

/**
 * Puts a question to the console of this gateway (`gateway`: its name; undefined: the only one). Those of other gateways hear
 * it too, and refuse what changes the document. undefined: it does not run. Throws KvError.
 */
export const askConsole = async (
  link: Link,
  gateway: string | undefined,
  question: string,
  body?: unknown,
): Promise<Answer | undefined> => {
  const asked = { service: 'console', question, body } as const
  if (gateway === undefined) return (await ask(link, { ...asked, expected: 1 }))[0]
  const consoles = (await readReports(link)).filter(({ service }) => service === 'console')
  const answers = await ask(link, { ...asked, expected: consoles.length })
  return answers.find(({ instance }) => instance.startsWith(`${gateway}-`))
}
