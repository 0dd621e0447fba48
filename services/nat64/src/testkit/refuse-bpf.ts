/**
 * `node refuse-bpf.ts ERRNO CALL COMMAND ARG…` becomes COMMAND, for which the kernel answers bpf(2) with that errno (a number). CALL: one of
 * its commands (a number, enum bpf_cmd), or `all`. By a seccomp filter, as an engine's profile does it and as a kernel looks like from
 * above that was built without something.
 */
import { nativeBuffer } from '@sixgate/host'
import koffi from 'koffi'
import { SYS_BPF } from '../io/bpf-syscall.ts'

const [PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER] = [22, 38, 2]
const [RET_ERRNO, RET_ALLOW] = [0x0005_0000, 0x7fff_0000]
/** Instructions of linux/filter.h: load a word of struct seccomp_data, compare with a constant, return. */
const [LOAD, EQUAL, RETURN] = [0x20, 0x15, 0x06]
const INSTRUCTION_BYTES = 8
/** Offsets in struct seccomp_data; the low half of the first argument. */
const [NUMBER, FIRST_ARGUMENT] = [0, 16]

const [errno = '', call = '', command = '', ...args] = process.argv.slice(2)

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, constant: number]
const check: readonly Instruction[] =
  call === 'all'
    ? []
    : [
        [LOAD, 0, 0, FIRST_ARGUMENT],
        [EQUAL, 0, 1, Number(call)],
      ]
const program: readonly Instruction[] = [
  [LOAD, 0, 0, NUMBER],
  [EQUAL, 0, check.length + 1, SYS_BPF[process.arch] ?? -1],
  ...check,
  [RETURN, 0, 0, RET_ERRNO | Number(errno)],
  [RETURN, 0, 0, RET_ALLOW],
]

const code = nativeBuffer(program.length * INSTRUCTION_BYTES)
for (const [index, [operation, ifTrue, ifFalse, constant]] of program.entries()) {
  const o = index * INSTRUCTION_BYTES
  code.view.setUint16(o, operation, true)
  code.view.setUint8(o + 2, ifTrue)
  code.view.setUint8(o + 3, ifFalse)
  code.view.setUint32(o + 4, constant, true)
}
/** struct sock_fprog: number of instructions, where they are. */
const filter = nativeBuffer(16)
filter.view.setUint16(0, program.length, true)
filter.view.setBigUint64(8, BigInt(code.address), true)

const prctl = koffi.load(null).func('prctl', 'int', ['int', 'ulong', 'uintptr_t', 'ulong', 'ulong']) as (
  ...numbers: number[]
) => number
for (const numbers of [
  [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0],
  [PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter.address, 0, 0],
])
  if (prctl(...numbers) !== 0) throw new Error(`prctl(${numbers.join()}): errno ${koffi.errno()}`)
process.execve?.(command, [command, ...args], process.env)
