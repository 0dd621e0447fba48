import { formatIp6, parseIp4, parseIp6 } from '@sixgate/addr'
import { type Command, JSON_OPTION } from '../command.ts'
import { anyAnswer } from '../core/answers.ts'
import { looksLikeClat } from '../core/clat.ts'
import { renderColumns } from '../core/columns.ts'
import { hostRows, macsOf } from '../core/hosts.ts'
import { showAge } from '../core/status-table.ts'
import { EXIT, UsageError, withNats } from '../invocation.ts'
import { allHosts } from '../io/all-hosts.ts'
import { askInstances } from '../io/ask-instances.ts'

/** An IPv6, IPv4 or MAC address as the list has it. */
const spelledAsListed = (text: string): string => {
  const ip6 = parseIp6(text)
  if (ip6 !== undefined) return formatIp6(ip6)
  if (parseIp4(text) !== undefined) return text
  if (/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return text.toLowerCase().replaceAll('-', ':')
  throw new UsageError(`"hosts", ADDRESS: "${text}": must be an IPv6, IPv4 or MAC address`)
}

export const HOSTS: Command = {
  words: 'hosts',
  examples: ['hosts', 'hosts 198.18.0.10', 'hosts --json'],
  parameters: ['[ADDRESS]'],
  options: JSON_OPTION,
  help: 'hosts with an IPv4 address of the pool: traffic, last seen; one of them by IPv6, IPv4 or MAC address',
  run: async ({ variables, terminal, parameters: [wanted], flag }) => {
    const address = wanted === undefined ? undefined : spelledAsListed(wanted)
    return await withNats(variables, terminal, async ({ link }) => {
      const [{ hosts, complaints }, seen] = await Promise.all([
        allHosts(link),
        // No MAC is known while ra-advertiser does not answer; nothing else lacks.
        askInstances(link, 'ra-advertiser', 'hosts-seen', undefined, anyAnswer),
      ])
      const macs = macsOf(seen.answers.map(({ answer }) => answer))
      const chosen = hosts.filter(
        ({ ip6, ip4 }) => address === undefined || [ip6, ip4, macs.get(ip6)].includes(address),
      )
      if (flag('json')) {
        const listed = chosen.map((host) => ({
          ...host,
          mac: macs.get(host.ip6) ?? null,
          isLikelyClat: looksLikeClat(host.ip6, host.pref64),
        }))
        terminal.print(`${JSON.stringify({ hosts: listed, complaints }, null, 2)}\n`)
      } else if (chosen.length > 0) terminal.print(renderColumns(hostRows(chosen, macs, showAge)))
      else if (complaints.length === 0)
        terminal.print(wanted === undefined ? 'no host has an address of the pool yet\n' : `no host has ${wanted}\n`)
      for (const complaint of complaints) terminal.complain(complaint)
      return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
    })
  },
}
