import { readFileSync } from 'node:fs'
import { ERRNO, libc, nativeBuffer, type NativeBuffer } from '@sixgate/host'
import type { MapDefinition } from './bpf-object.ts'
import { BPF, bpf, bpfError, putAddress } from './bpf-syscall.ts'

/** union bpf_attr for BPF_MAP_CREATE, and for the commands that work on entries. */
const CREATE = { TYPE: 0, KEY_SIZE: 4, VALUE_SIZE: 8, MAX_ENTRIES: 12, FLAGS: 16, NAME: 28, NAME_BYTES: 15 } as const
const ELEM = { MAP_FD: 0, KEY: 8, VALUE: 16, FLAGS: 24 } as const
const MAP_TYPE_PERCPU_ARRAY = 6

/** Number of values that a per-CPU map has for each key: "0-3" → 4. */
const possibleCpus = (): number => {
  const last = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim().split(/[-,]/).at(-1)
  return Number(last) + 1
}

/** A map in the kernel. It lives as long as this or a program that uses it. */
export class BpfMap {
  readonly fd: number
  readonly name: string
  readonly #key: NativeBuffer
  readonly #value: NativeBuffer
  readonly #valueBytes: number
  /** Values for each key. */
  readonly #count: number

  /** Throws `BpfError`. */
  constructor({ name, type, keyBytes, valueBytes, flags }: MapDefinition, maxEntries: number) {
    const result = bpf(BPF.MAP_CREATE, (view) => {
      view.setUint32(CREATE.TYPE, type, true)
      view.setUint32(CREATE.KEY_SIZE, keyBytes, true)
      view.setUint32(CREATE.VALUE_SIZE, valueBytes, true)
      view.setUint32(CREATE.MAX_ENTRIES, maxEntries, true)
      view.setUint32(CREATE.FLAGS, flags, true)
      for (let at = 0; at < Math.min(name.length, CREATE.NAME_BYTES); at++)
        view.setUint8(CREATE.NAME + at, name.charCodeAt(at))
    })
    if (result < 0) throw bpfError(`make BPF map ${name}`, -result)
    this.fd = result
    this.name = name
    this.#count = type === MAP_TYPE_PERCPU_ARRAY ? possibleCpus() : 1
    this.#valueBytes = valueBytes
    this.#key = nativeBuffer(keyBytes)
    // The kernel pads each CPU's value to 8 octets.
    this.#value = nativeBuffer(Math.ceil(valueBytes / 8) * 8 * this.#count)
  }

  /** The values of a key, one for each CPU in per-CPU maps; `undefined` when there is no such entry. Valid until the next call. */
  get(key: Uint8Array): readonly DataView[] | undefined {
    const result = this.#call(BPF.MAP_LOOKUP_ELEM, key)
    if (result === -ERRNO.ENOENT) return undefined
    if (result < 0) throw bpfError(`look into BPF map ${this.name}`, -result)
    const stride = this.#value.bytes.length / this.#count
    const { buffer } = this.#value.view
    return Array.from({ length: this.#count }, (_, cpu) => new DataView(buffer, cpu * stride, this.#valueBytes))
  }

  /** Writes an entry, over the old one when there is one. Not for per-CPU maps. Throws `BpfError` (E2BIG: full). */
  set(key: Uint8Array, value: Uint8Array): void {
    this.#value.bytes.set(value)
    const result = this.#call(BPF.MAP_UPDATE_ELEM, key)
    if (result < 0) throw bpfError(`write to BPF map ${this.name}`, -result)
  }

  /** Removes an entry. When it returns, no packet that arrives finds it. False: there was none. */
  delete(key: Uint8Array): boolean {
    const result = this.#call(BPF.MAP_DELETE_ELEM, key)
    if (result < 0 && result !== -ERRNO.ENOENT) throw bpfError(`delete from BPF map ${this.name}`, -result)
    return result >= 0
  }

  close(): void {
    libc.closeFd(this.fd)
  }

  #call(command: number, key: Uint8Array): number {
    this.#key.bytes.set(key)
    return bpf(command, (view) => {
      view.setUint32(ELEM.MAP_FD, this.fd, true)
      putAddress(view, ELEM.KEY, this.#key.address)
      if (command !== BPF.MAP_DELETE_ELEM) putAddress(view, ELEM.VALUE, this.#value.address)
    })
  }
}
