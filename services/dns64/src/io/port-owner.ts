import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** proc(5), /proc/net/tcp: state 0A is LISTEN; UDP sockets are 07. */
const LISTENING = { tcp: '0A', udp: '07' } as const

const linesOf = (path: string): string[] => {
  try {
    return readFileSync(path, 'latin1').split('\n')
  } catch {
    // Without /proc, or without this family, there is nothing to say.
    return []
  }
}

/** The inodes of sockets that hold a port in this network namespace. */
const inodesOf = (protocol: 'udp' | 'tcp', port: number): Set<string> => {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes = new Set<string>()
  for (const table of [protocol, `${protocol}6`]) {
    for (const line of linesOf(`/proc/net/${table}`)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (local?.endsWith(`:${hexPort}`) === true && state === LISTENING[protocol] && inode !== undefined)
        inodes.add(`socket:[${inode}]`)
    }
  }
  return inodes
}

const holdsOneOf = (pid: string, inodes: ReadonlySet<string>): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`)))
  } catch {
    // Gone meanwhile, or not ours to look into.
    return false
  }
}

/**
 * The processes that hold a port, as `dnsmasq (pid 712)`; empty when they cannot be seen: another PID namespace, or
 * missing rights. Never throws.
 */
export const portOwners = (protocol: 'udp' | 'tcp', port: number): string[] => {
  const inodes = inodesOf(protocol, port)
  if (inodes.size === 0) return []
  let pids: string[] = []
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  } catch {
    return []
  }
  return pids
    .filter((pid) => holdsOneOf(pid, inodes))
    .map((pid) => `${linesOf(`/proc/${pid}/comm`)[0] ?? 'a process'} (pid ${pid})`)
}
