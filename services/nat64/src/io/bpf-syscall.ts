import { type ErrnoName, errnoName, errnoText, nativeBuffer } from '@sixgate/host'
import koffi from 'koffi'

/** bpf(2) by number: the C libraries have no function for it (asm/unistd.h, x64 and arm64). */
export const SYS_BPF: Readonly<Record<string, number>> = { x64: 321, arm64: 280 }

/** linux/bpf.h, enum bpf_cmd. */
export const BPF = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  PROG_LOAD: 5,
  OBJ_PIN: 6,
  OBJ_GET: 7,
  PROG_TEST_RUN: 10,
  PROG_GET_FD_BY_ID: 13,
  OBJ_GET_INFO_BY_FD: 15,
  MAP_LOOKUP_BATCH: 24,
  MAP_UPDATE_BATCH: 26,
} as const

export type BpfErrorCode = ErrnoName | 'not-built' | 'bad-object' | 'other-version'

/** What the kernel (or the object file) refused: what was tried, why, and for a program the verifier's words. */
export class BpfError extends Error {
  readonly code: BpfErrorCode

  constructor(code: BpfErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'BpfError'
    this.code = code
  }
}

// Variadic in C: integer arguments travel the same way on Linux x64 and arm64.
const syscall = koffi.load(null).func('syscall', 'int64_t', ['long', 'long', 'uintptr_t', 'ulong']) as (
  ...args: number[]
) => number

/** The largest part of union bpf_attr that is used here, zeroed before each call. */
const ATTR_BYTES = 120
const attr = nativeBuffer(ATTR_BYTES)

/** The attributes of one call: `put` writes them into zeroed octets. Little-endian, pointers as u64. */
export type FillAttr = (view: DataView) => void

/**
 * Calls bpf(2); returns its result, ≥ 0, or −errno. `read` sees what the kernel wrote into the attributes. Synchronous, so
 * that one buffer does for all.
 */
export const bpf = (command: number, fill: FillAttr, read?: (view: DataView) => void): number => {
  const number = SYS_BPF[process.arch]
  if (number === undefined) return -ENOSYS
  attr.bytes.fill(0)
  fill(attr.view)
  const result = syscall(number, command, attr.address, ATTR_BYTES)
  const outcome = result < 0 ? -koffi.errno() : result
  read?.(attr.view)
  return outcome
}
const ENOSYS = 38

/** Writes a pointer. Addresses of user space have 48 bits: a number holds them. */
export const putAddress = (view: DataView, o: number, address: number): void =>
  view.setBigUint64(o, BigInt(address), true)

/** A refusal as an error; `more` is what else is known. */
export const bpfError = (attempt: string, errno: number, more = ''): BpfError =>
  new BpfError(errnoName(errno), `${attempt}: ${errnoText(errno)} (${errnoName(errno)})${more}`)
