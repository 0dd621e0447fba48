/**
 * Programs and maps by name, so that the next process finds those of this one: pinned on a bpffs of the host. By the number
 * of a filter's program it could not: BPF_PROG_GET_FD_BY_ID and BPF_MAP_GET_FD_BY_ID want CAP_SYS_ADMIN (kernel/bpf/syscall.c),
 * which the container does not have.
 *
 *   ROOT/sixgate-nat64-<network namespace>-<TUN>/<number of the program>-<hash of what it was made of>/<part>
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { libc, nativeBuffer } from '@sixgate/host'
import { BPF, bpf, bpfError, putAddress } from './bpf-syscall.ts'

/** union bpf_attr for BPF_OBJ_PIN and BPF_OBJ_GET. */
const OBJ = { PATH_U64: 0, FD_U32: 8 } as const
/** linux/magic.h */
const BPF_FS_MAGIC = 0xcafe4a11
/** Letters of the hash: names are for one program number, the hash only says of which make it is. */
const HASH_LETTERS = 32

const path = (name: string): { readonly address: number; readonly bytes: Uint8Array } => {
  const text = new TextEncoder().encode(name)
  const buffer = nativeBuffer(text.length + 1)
  buffer.bytes.set(text)
  return buffer
}

const pin = (name: string, fd: number): void => {
  const { address } = path(name)
  const result = bpf(BPF.OBJ_PIN, (view) => {
    putAddress(view, OBJ.PATH_U64, address)
    view.setUint32(OBJ.FD_U32, fd, true)
  })
  if (result < 0) throw bpfError(`pin ${name}`, -result)
}

const open = (name: string): number => {
  const { address } = path(name)
  const result = bpf(BPF.OBJ_GET, (view) => putAddress(view, OBJ.PATH_U64, address))
  if (result < 0) throw bpfError(`open ${name}`, -result)
  return result
}

/** What programs and maps are made of: equal for two processes when the one may go on with those of the other. */
export const makeOf = (...made: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const one of made) hash.update(String(one.length)).update(':').update(one)
  return hash.digest('hex').slice(0, HASH_LETTERS)
}

/** What an earlier process left. */
export interface Kept {
  readonly make: string
  /** Descriptors by part, the caller's to close. */
  readonly parts: ReadonlyMap<string, number>
}

export const closeParts = ({ parts }: Kept): void => {
  for (const fd of parts.values()) libc.closeFd(fd)
}

/** Where the fast path's programs and maps are kept for the next process. */
export class BpfKeep {
  readonly #directory: string

  /** `root`: the mount point of a bpffs. */
  constructor(root: string, tunName: string) {
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? ''
    this.#directory = join(root, `sixgate-nat64-${namespace}-${tunName}`)
  }

  /** Whether a bpffs is mounted there. */
  static isAt(root: string): boolean {
    try {
      return statfsSync(root).type === BPF_FS_MAGIC
    } catch {
      return false
    }
  }

  /** What was kept with this program; `undefined`: nothing. Throws `BpfError`. */
  find(programId: number): Kept | undefined {
    const name = this.#list().find((one) => one.startsWith(`${programId}-`))
    if (name === undefined) return undefined
    const parts = new Map<string, number>()
    try {
      for (const part of readdirSync(join(this.#directory, name)))
        parts.set(part, open(join(this.#directory, name, part)))
    } catch (error) {
      closeParts({ make: '', parts })
      throw error
    }
    return { make: name.slice(name.indexOf('-') + 1), parts }
  }

  /** Keeps these, and nothing else any more. Throws. */
  keep(programId: number, { make, parts }: Kept): void {
    const name = `${programId}-${make}`
    if (!this.#list().includes(name)) {
      const directory = join(this.#directory, name)
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      for (const [part, fd] of parts) pin(join(directory, part), fd)
    }
    this.#forget((one) => one !== name)
  }

  /** Nothing is kept any more. Throws. */
  clear(): void {
    this.#forget(() => true)
    if (existsSync(this.#directory)) rmdirSync(this.#directory)
  }

  #forget(isMeant: (name: string) => boolean): void {
    for (const name of this.#list().filter(isMeant)) {
      const directory = join(this.#directory, name)
      for (const part of readdirSync(directory)) unlinkSync(join(directory, part))
      rmdirSync(directory)
    }
  }

  #list(): string[] {
    return existsSync(this.#directory) ? readdirSync(this.#directory) : []
  }
}
