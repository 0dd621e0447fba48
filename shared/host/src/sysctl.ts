import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HostError } from './host-error.ts'

/** The values of a sysctl apart from white space: the kernel writes a list with tabs, people write it with blanks. */
export const sameValue = (a: string, b: string): boolean => normalize(a) === normalize(b)

const normalize = (value: string): string => value.trim().replace(/\s+/g, ' ')

/** A path below the root whose parts are plain names: an interface name may hold dots (`eth0.2`) but is never `..`. */
const PATH = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[^/\0]+(?:\/[^/\0]+)+$/

/** Network sysctls as files, e.g. `ipv6/conf/eth0.2/accept_ra`: slashes, because interface names have dots. */
export class Sysctls {
  /** The directory that holds `ipv4`, `ipv6`, `netfilter` …, as `/proc/sys/net` does. */
  readonly root: string

  constructor(root = '/proc/sys/net') {
    this.root = root
  }

  /** The value without its final newline, parts separated by one blank; undefined when there is none of this path. Throws `HostError`. */
  read(path: string): string | undefined {
    const file = this.#fileOf(path)
    try {
      return normalize(readFileSync(file, 'utf8'))
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && existsSync(this.root)) return undefined
      throw asHostError(error, `read sysctl ${file}${this.#hint(error)}`)
    }
  }

  /**
   * Writes a value. Returns false, without writing, when it is that already. Throws `HostError`: ENOENT when there is no
   * such sysctl, EROFS or EACCES when it may not be written, EINVAL when the kernel does not take the value.
   */
  write(path: string, value: string): boolean {
    const present = this.read(path)
    if (present !== undefined && sameValue(present, value)) return false
    const file = this.#fileOf(path)
    try {
      // No O_CREAT: a sysctl that is not there stays so, on whatever file system the root is.
      writeFileSync(file, `${value}\n`, { flag: 'r+' })
      return true
    } catch (error) {
      throw asHostError(error, `write "${value}" to sysctl ${file}${this.#hint(error)}`)
    }
  }

  #hint(error: unknown): string {
    if (!existsSync(this.root)) return ` (there is no ${this.root}: mount /proc/sys/net there or correct SYSCTL_ROOT)`
    const refused = ['EROFS', 'EACCES', 'EPERM'].includes(String(codeOf(error)))
    return refused ? ` (mount /proc/sys/net writable at ${this.root} and give the container CAP_NET_ADMIN)` : ''
  }

  #fileOf(path: string): string {
    if (!PATH.test(path))
      throw new RangeError(`sysctl "${path}": must be a path below ${this.root}, e.g. ipv4/ip_forward`)
    return join(this.root, path)
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

const asHostError = (error: unknown, attempt: string): HostError => {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number')
    return new HostError(attempt, -error.errno, error)
  throw error
}
