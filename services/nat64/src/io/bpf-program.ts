import { ERRNO, errnoNumber, nativeBuffer } from '@sixgate/host'
import type { BpfMap } from './bpf-map.ts'
import type { BpfObject } from './bpf-object.ts'
import { BPF, BpfError, bpf, bpfError, putAddress } from './bpf-syscall.ts'

/** union bpf_attr for BPF_PROG_LOAD. */
const LOAD = { TYPE: 0, INSN_COUNT: 4, INSNS: 8, LICENSE: 16, LOG_LEVEL: 24, LOG_SIZE: 28, LOG: 32, NAME: 48 } as const
const PROG_TYPE_SCHED_CLS = 3
const INSN = { REGISTERS_U8: 1, IMM_I32: 4, LEN: 8 } as const
/** Source register of `lddw`: its number is a map's descriptor. */
const PSEUDO_MAP_FD = 1
const LOG_BYTES = 256 * 1024
/** The verifier gives up (EAGAIN) when a signal comes: then it is asked again, so many times at most, as libbpf does. */
const ATTEMPTS = 10
/** The verifier's last lines say what it did not like. */
const LOG_LINES = 12

/** union bpf_attr for BPF_OBJ_GET_INFO_BY_FD, struct bpf_prog_info. */
const INFO = { FD: 0, LEN: 4, POINTER: 8 } as const
const PROG_INFO = { ID_U32: 4, BYTES: 8 } as const

const link = (object: BpfObject, maps: ReadonlyMap<string, BpfMap>): Uint8Array => {
  const instructions = Uint8Array.from(object.instructions)
  const view = new DataView(instructions.buffer)
  for (const { offset, map } of object.references) {
    const fd = maps.get(map)?.fd
    if (fd === undefined) throw new BpfError('bad-object', `the program wants map ${map}, which was not made`)
    view.setUint8(offset + INSN.REGISTERS_U8, (view.getUint8(offset + INSN.REGISTERS_U8) & 0x0f) | (PSEUDO_MAP_FD << 4))
    view.setInt32(offset + INSN.IMM_I32, fd, true)
  }
  return instructions
}

/**
 * Loads a tc program with its maps; returns its descriptor, which the caller closes. Throws `BpfError`, for a program
 * that the kernel finds unsafe with the verifier's last lines.
 */
export const loadProgram = (name: string, object: BpfObject, maps: ReadonlyMap<string, BpfMap>): number => {
  const code = link(object, maps)
  const insns = nativeBuffer(code.length)
  insns.bytes.set(code)
  const license = nativeBuffer(object.license.length + 1)
  license.bytes.set(new TextEncoder().encode(object.license))
  const ask = (log: { readonly address: number; readonly bytes: Uint8Array } | undefined): number =>
    bpf(BPF.PROG_LOAD, (view) => {
      view.setUint32(LOAD.TYPE, PROG_TYPE_SCHED_CLS, true)
      view.setUint32(LOAD.INSN_COUNT, insns.bytes.length / INSN.LEN, true)
      putAddress(view, LOAD.INSNS, insns.address)
      putAddress(view, LOAD.LICENSE, license.address)
      for (let at = 0; at < name.length; at++) view.setUint8(LOAD.NAME + at, name.charCodeAt(at))
      if (log === undefined) return
      view.setUint32(LOAD.LOG_LEVEL, 1, true)
      view.setUint32(LOAD.LOG_SIZE, log.bytes.length, true)
      putAddress(view, LOAD.LOG, log.address)
    })
  const load = (log?: { readonly address: number; readonly bytes: Uint8Array }): number => {
    let result = ask(log)
    for (let attempt = 1; result === -ERRNO.EAGAIN && attempt < ATTEMPTS; attempt++) result = ask(log)
    return result
  }
  const result = load()
  if (result >= 0) return result
  if (result === -errnoNumber('EPERM')) throw bpfError('load the BPF program', -result)
  // Once more, for the reason.
  const log = nativeBuffer(LOG_BYTES)
  const again = load(log)
  if (again >= 0) return again
  const words = Buffer.from(log.bytes.subarray(0, log.bytes.indexOf(0)))
    .toString('latin1')
    .trimEnd()
  const lines = words.split('\n').slice(-LOG_LINES).join(' | ')
  // A kernel that does not know such programs does not ask the verifier.
  throw bpfError('load the BPF program', -result, words === '' ? '' : `; the verifier: ${lines}`)
}

const info = nativeBuffer(PROG_INFO.BYTES)

/** The number by which the kernel names a program. Throws `BpfError`. */
export const programId = (fd: number): number => {
  info.bytes.fill(0)
  const result = bpf(BPF.OBJ_GET_INFO_BY_FD, (view) => {
    view.setUint32(INFO.FD, fd, true)
    view.setUint32(INFO.LEN, PROG_INFO.BYTES, true)
    putAddress(view, INFO.POINTER, info.address)
  })
  if (result < 0) throw bpfError('ask for the id of the BPF program', -result)
  return info.view.getUint32(PROG_INFO.ID_U32, true)
}
