import type { Command } from '../command.ts'
import { JSON_OPTION } from '../command.ts'
import { neighboursAnswer } from '../core/answers.ts'
import { printable, renderColumns } from '../core/columns.ts'
import { EXIT, withNats } from '../invocation.ts'
import { askInstances } from '../io/ask-instances.ts'

export const RA_NEIGHBOURS: Command = {
  words: 'ra neighbours',
  examples: ['ra neighbours', 'ra neighbours --json'],
  parameters: [],
  options: JSON_OPTION,
  help: 'other routers on the LANs, and what they say otherwise',
  run: async ({ variables, terminal, flag }) =>
    await withNats(variables, terminal, async ({ link }) => {
      const { answers, complaints } = await askInstances(
        link,
        'ra-advertiser',
        'neighbours',
        undefined,
        neighboursAnswer,
      )
      const routers = answers.flatMap(({ gateway, answer }) =>
        answer.map((router) => ({ ...(gateway === undefined ? {} : { gateway }), ...router })),
      )
      const hasNames = routers.some(({ gateway }) => gateway !== undefined)
      const named = (gateway: string, cells: readonly string[]): readonly string[] =>
        hasNames ? [gateway, ...cells] : cells
      if (flag('json')) terminal.print(`${JSON.stringify({ routers, complaints }, null, 2)}\n`)
      else if (routers.length > 0) {
        terminal.print(
          renderColumns([
            named('SEEN BY', ['LAN', 'ROUTER', 'MAC', 'DEFAULT ROUTER', 'PREFIXES', 'HEARD']),
            ...routers.map(({ gateway, link: lan, router, mac, routerLifetimeS, preference, prefixes, silentS }) =>
              named(gateway ?? '-', [
                lan,
                router,
                mac ?? '-',
                routerLifetimeS === 0 ? 'no' : `${routerLifetimeS} s, ${preference}`,
                prefixes.join(' ') || '-',
                `${silentS} s ago`,
              ]),
            ),
          ]),
        )
        for (const { link: lan, router, findings } of routers)
          for (const { message } of findings) terminal.print(printable(`${lan} ${router}: ${message}\n`))
      } else if (answers.length > 0) terminal.print('no other router advertises on a LAN\n')
      for (const complaint of complaints) terminal.complain(complaint)
      const isQuiet = routers.every(({ findings }) => findings.length === 0)
      return complaints.length === 0 && isQuiet ? EXIT.OK : EXIT.NOT_WELL
    }),
}
