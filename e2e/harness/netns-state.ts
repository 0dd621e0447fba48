import { inNetns, type Netns } from './netns.ts'
import { must } from './command.ts'

/** All of a namespace's network set-up, as sorted lines "section: fact". Equal sets mean: nothing was left behind. */
export type NetnsState = ReadonlySet<string>

/** Everything that `docker compose down` has to put back, and the command that shows it. */
const SECTIONS: Readonly<Record<string, string>> = {
  link: 'ip -j -d link',
  address: 'ip -j address',
  'multicast group': 'ip -j maddress',
  'IPv4 route': 'ip -4 -j route show table all',
  'IPv6 route': 'ip -6 -j route show table all',
  'IPv4 rule': 'ip -4 -j rule',
  'IPv6 rule': 'ip -6 -j rule',
  nft: 'nft -s list ruleset',
  iptables: 'iptables-save',
  ip6tables: 'ip6tables-save',
  // -s: some entries cannot be read (stable_secret that was never set, write-only ones).
  sysctl: 'grep -rs "" /proc/sys/net || [ $? = 2 ]',
}

/**
 * What moves by itself: clocks, counters, and the kernel's bookkeeping; a link is known by its name, not by its number. The
 * kernel makes the key of TCP Fast Open (RFC 7413) when somebody first listens with it, as unbound does, and has no way back.
 */
const VOLATILE_KEYS =
  /^(ifindex|link_index|link_netnsid|valid_life_time|preferred_life_time|expires|used|users|\w+_timer)$/
const VOLATILE_LINES = /nf_conntrack_count:|tcp_fastopen_key:|^#|^COMMIT$/

/** Reads the state of `netns`. Needs nft and iptables on this machine. */
export async function netnsState(netns: Netns): Promise<NetnsState> {
  const state = new Set<string>()
  for (const [section, command] of Object.entries(SECTIONS)) {
    const output = await must(inNetns(netns, ['sh', '-c', command]))
    const seen = new Map<string, number>()
    for (const line of command.includes(' -j') ? jsonFacts(output) : textFacts(output)) {
      // A rule that stands there twice is not the same as a rule that stands there once.
      const count = (seen.get(line) ?? 0) + 1
      seen.set(line, count)
      state.add(`${section}: ${line}${count === 1 ? '' : ` (${count} times)`}`)
    }
  }
  return state
}

/** What `after` has that `before` had not ("+ …"), and what it lost ("- …"). Empty when they are the same. */
export function stateDifference(before: NetnsState, after: NetnsState): string[] {
  const added = [...after.difference(before)].map((line) => `+ ${line}`)
  return [...[...before.difference(after)].map((line) => `- ${line}`), ...added]
}

// Lines inside a chain say nothing without the chain, so each carries the headings it stands under.
function textFacts(output: string): string[] {
  const headings: string[] = []
  const facts: string[] = []
  for (const raw of withoutLearned(output).split('\n')) {
    const line = raw.trim().replace(/ \[\d+:\d+\]$/, '')
    if (line === '' || VOLATILE_LINES.test(line)) continue
    if (line === '}') headings.pop()
    else facts.push([...headings, line].join(' > '))
    if (line.endsWith('{')) headings.push(line.slice(0, -1).trim())
    if (line.startsWith('*')) headings.splice(0, headings.length, line) // iptables-save: "*filter"
  }
  return facts
}

/** Packets put the elements of a dynamic set there, and time takes them away: the set is a fact, what is in it is none. */
const withoutLearned = (output: string): string =>
  output.replaceAll(/(^[ \t]*flags [^\n]*\bdynamic\b[^}]*?)^[ \t]*elements = \{[^}]*\}\n/gm, '$1')

function jsonFacts(output: string): string[] {
  const list: unknown = JSON.parse(output.trim() === '' ? '[]' : output)
  if (!Array.isArray(list)) throw new TypeError(`expected a JSON list, got ${output.slice(0, 100)}`)
  return list.map((fact: unknown) =>
    JSON.stringify(fact, (key, value: unknown) => (VOLATILE_KEYS.test(key) ? undefined : value)),
  )
}
