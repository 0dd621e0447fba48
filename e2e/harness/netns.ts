import { existsSync } from 'node:fs'
import { must, type Result, type RunOptions, run } from './command.ts'

/** A network namespace: one that has a name (`ip netns`), or that of a process (a container's). */
export type Netns = { readonly name: string } | { readonly pid: number }

const path = (netns: Netns) => ('name' in netns ? `/run/netns/${netns.name}` : `/proc/${netns.pid}/ns/net`)

/** True when a namespace of this name exists. */
export const netnsExists = (name: string) => existsSync(`/run/netns/${name}`)

/** Makes a namespace with its loopback up and nothing else. */
export async function addNetns(name: string): Promise<Netns> {
  await must(['ip', 'netns', 'add', name])
  await ip({ name }, 'link set lo up')
  return { name }
}

/** Removes a namespace, with it all its links (and the far ends of its veth pairs). Nothing happens when it is not there. */
export async function deleteNetns(name: string): Promise<void> {
  if (netnsExists(name)) await must(['ip', 'netns', 'delete', name])
}

/** nsenter and not `ip netns exec`: the latter mounts a /sys of its own, which hides cgroups and bpffs. */
export const inNetns = (netns: Netns, argv: readonly string[]) => ['nsenter', `--net=${path(netns)}`, '--', ...argv]

/** Runs a command inside `netns`, with the machine's files and tools. Never throws on an exit code. */
export const runIn = (netns: Netns, argv: readonly string[], options?: RunOptions): Promise<Result> =>
  run(inNetns(netns, argv), options)

/** `ip …` inside `netns`; words are split at spaces. Throws CommandError when it fails. */
export const ip = (netns: Netns, words: string): Promise<string> => must(inNetns(netns, ['ip', ...words.split(' ')]))

/** Sets `net.<key>` (slashes, as below /proc/sys/net) inside `netns`. */
export async function setSysctl(netns: Netns, key: string, value: number): Promise<void> {
  await must(inNetns(netns, ['sh', '-c', `echo ${value} >/proc/sys/net/${key}`]))
}

/** One end of a cable: a link of this name in this namespace. `mac` where it has to be the same after pulling and plugging. */
export interface Plug {
  readonly in: Netns
  readonly link: string
  readonly mac?: string
}

/**
 * A cable: a veth pair made straight into two namespaces, so that neither end is ever seen in the machine's own.
 * The link at `a` comes up in the same step, as an adapter does when it is plugged in: nobody ever sees it down.
 */
export async function cable(a: Plug, b: Plug): Promise<void> {
  const peer = 'name' in b.in ? b.in.name : String(b.in.pid)
  const mac = (plug: Plug) => (plug.mac === undefined ? '' : ` address ${plug.mac}`)
  await ip(a.in, `link add ${a.link} up${mac(a)} type veth peer name ${b.link}${mac(b)} netns ${peer}`)
  await ip(b.in, `link set ${b.link} up`)
}
