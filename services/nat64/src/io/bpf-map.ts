import { readFileSync } from 'node:fs'
import { ERRNO, libc, nativeBuffer, type NativeBuffer } from '@sixgate/host'
import type { MapDefinition } from './bpf-object.ts'
import { BPF, BpfError, bpf, bpfError, putAddress } from './bpf-syscall.ts'

/** union bpf_attr for BPF_MAP_CREATE, and for the commands that work on entries. */
const CREATE = { TYPE: 0, KEY_SIZE: 4, VALUE_SIZE: 8, MAX_ENTRIES: 12, FLAGS: 16, NAME: 28, NAME_BYTES: 15 } as const
/** union bpf_attr for the commands that work on many entries (kernel ≥ 5.6). */
const BATCH = { IN: 0, OUT: 8, KEYS: 16, VALUES: 24, COUNT: 32, MAP_FD: 36 } as const
/** Entries per call: enough that the calls cost nothing, few enough that no bucket of a hash map has more. */
const BATCH_ENTRIES = 4096
/** Not in errno.h: a map type, or a kernel, that knows no batches (include/linux/errno.h). */
const ENOTSUPP = 524
const ELEM = { MAP_FD: 0, KEY: 8, VALUE: 16, FLAGS: 24 } as const
const MAP_TYPE_PERCPU_ARRAY = 6

/** Number of values that a per-CPU map has for each key: "0-3" → 4. */
const possibleCpus = (): number => {
  const last = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim().split(/[-,]/).at(-1)
  return Number(last) + 1
}

interface Batch {
  readonly keys: NativeBuffer
  readonly values: NativeBuffer
  readonly cursor: NativeBuffer
}

/** Entries `from` to `until` of an array of entries that take `size` octets each. */
const part =
  (bytes: Uint8Array, size: number) =>
  (from: number, until: number): Uint8Array =>
    bytes.subarray(from * size, until * size)

const copyOf = ({ buffer, byteOffset, byteLength }: DataView): DataView =>
  new DataView(buffer.slice(byteOffset, byteOffset + byteLength))

/** Makes a map; returns its descriptor. Throws `BpfError`. */
export const createMap = ({ name, type, keyBytes, valueBytes, flags }: MapDefinition, maxEntries: number): number => {
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
  return result
}

/** union bpf_attr for BPF_OBJ_GET_INFO_BY_FD, struct bpf_map_info. */
const INFO = { FD: 0, LEN: 4, POINTER: 8, TYPE: 0, KEY_SIZE: 8, VALUE_SIZE: 12, BYTES: 20 } as const

/** Whether a map has the type and the sizes of this definition. Throws `BpfError`. */
export const hasLayout = (fd: number, { name, type, keyBytes, valueBytes }: MapDefinition): boolean => {
  const { address, view: info } = nativeBuffer(INFO.BYTES)
  const result = bpf(BPF.OBJ_GET_INFO_BY_FD, (view) => {
    view.setUint32(INFO.FD, fd, true)
    view.setUint32(INFO.LEN, INFO.BYTES, true)
    putAddress(view, INFO.POINTER, address)
  })
  if (result < 0) throw bpfError(`ask about BPF map ${name}`, -result)
  const [theirType, theirKey, theirValue] = [INFO.TYPE, INFO.KEY_SIZE, INFO.VALUE_SIZE].map((at) =>
    info.getUint32(at, true),
  )
  return theirType === type && theirKey === keyBytes && theirValue === valueBytes
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
  readonly #keyBytes: number
  #batch: Batch | undefined
  #knowsBatches: boolean

  /** `fd`: of a map as `definition` says, which is there already. `knowsBatches`: whether to try them. */
  constructor({ name, type, keyBytes, valueBytes }: MapDefinition, fd: number, knowsBatches = true) {
    this.fd = fd
    this.name = name
    this.#count = type === MAP_TYPE_PERCPU_ARRAY ? possibleCpus() : 1
    this.#valueBytes = valueBytes
    this.#keyBytes = keyBytes
    this.#knowsBatches = knowsBatches
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

  /**
   * Writes many entries: `keys` and `values` hold them one after the other. Not for per-CPU maps. Throws `BpfError`; how
   * many are written then is unknown.
   */
  setAll(keys: Uint8Array, values: Uint8Array): void {
    const entries = keys.length / this.#keyBytes
    for (let from = 0; from < entries; from += BATCH_ENTRIES) {
      const until = Math.min(entries, from + BATCH_ENTRIES)
      const [theirKeys, theirValues] = [part(keys, this.#keyBytes), part(values, this.#valueBytes)]
      if (this.#knowsBatches && this.#setBatch(theirKeys(from, until), theirValues(from, until))) continue
      for (let entry = from; entry < until; entry++)
        this.set(theirKeys(entry, entry + 1), theirValues(entry, entry + 1))
    }
  }

  /** False: the kernel knows no batches for this map. */
  #setBatch(keys: Uint8Array, values: Uint8Array): boolean {
    const batch = this.#buffers()
    batch.keys.bytes.set(keys)
    batch.values.bytes.set(values)
    const { result } = this.#callBatch(BPF.MAP_UPDATE_BATCH, batch, keys.length / this.#keyBytes)
    if (this.#isUnknown(result)) return false
    if (result < 0) throw bpfError(`write many entries to BPF map ${this.name}`, -result)
    return true
  }

  /**
   * Calls `visit` for every entry of a hash map, in no order; entries that come or go meanwhile are visited or not. The views
   * are valid during the call. False: the kernel knows no batches for this map, nothing was visited.
   */
  readAll(visit: (key: DataView, value: DataView) => void): boolean {
    if (!this.#knowsBatches) return false
    const batch = this.#buffers()
    for (let isFirst = true; ; isFirst = false) {
      const { result, count } = this.#callBatch(BPF.MAP_LOOKUP_BATCH, batch, BATCH_ENTRIES, isFirst)
      if (this.#isUnknown(result)) return false
      // ENOENT: these were the last ones.
      if (result < 0 && result !== -ERRNO.ENOENT) throw bpfError(`read BPF map ${this.name}`, -result)
      for (let entry = 0; entry < count; entry++)
        visit(
          new DataView(batch.keys.view.buffer, entry * this.#keyBytes, this.#keyBytes),
          new DataView(batch.values.view.buffer, entry * this.#valueBytes, this.#valueBytes),
        )
      if (result < 0) return true
    }
  }

  /** All entries of a hash map, as copies. Throws `BpfError`. */
  entries(): [key: DataView, value: DataView][] {
    const entries: [DataView, DataView][] = []
    if (!this.readAll((key, value) => entries.push([copyOf(key), copyOf(value)])))
      throw new BpfError('EOPNOTSUPP', `read BPF map ${this.name}: the kernel gives no entries in batches`)
    return entries
  }

  /** Remembers it, too. */
  #isUnknown(result: number): boolean {
    if (result !== -ERRNO.EINVAL && result !== -ENOTSUPP) return false
    this.#knowsBatches = false
    return true
  }

  #buffers(): Batch {
    this.#batch ??= {
      keys: nativeBuffer(BATCH_ENTRIES * this.#keyBytes),
      values: nativeBuffer(BATCH_ENTRIES * this.#valueBytes),
      // Where the kernel goes on: for hash maps the number of a bucket.
      cursor: nativeBuffer(Math.max(8, this.#keyBytes)),
    }
    return this.#batch
  }

  /** `count`: entries that were written or read. */
  #callBatch(command: number, batch: Batch, entries: number, isFirst = true): { result: number; count: number } {
    let count = 0
    const result = bpf(
      command,
      (view) => {
        if (command === BPF.MAP_LOOKUP_BATCH) {
          if (!isFirst) putAddress(view, BATCH.IN, batch.cursor.address)
          putAddress(view, BATCH.OUT, batch.cursor.address)
        }
        putAddress(view, BATCH.KEYS, batch.keys.address)
        putAddress(view, BATCH.VALUES, batch.values.address)
        view.setUint32(BATCH.COUNT, entries, true)
        view.setUint32(BATCH.MAP_FD, this.fd, true)
      },
      (view) => {
        count = view.getUint32(BATCH.COUNT, true)
      },
    )
    return { result, count }
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
