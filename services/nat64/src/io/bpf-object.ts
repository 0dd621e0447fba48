/*
 * The parts of an ELF object (System V ABI, 64-bit, little-endian) that clang -target bpf makes and a loader needs:
 *
 *   section "tc"       instructions, 8 octets each; `lddw` (2 × 8) of a map's address is marked by a relocation
 *   section "maps"     one struct map_definition (bpf/lib/maps.h) for each map; its symbol is the map's name
 *   section "license"  text NUL
 *   section ".reltc"   relocations of "tc": offset:u64 info:u64 (symbol in the upper half, type in the lower)
 */
import { BpfError } from './bpf-syscall.ts'

/** struct Elf64_Ehdr, bytes from the start of the file. */
const EHDR = {
  MAGIC: 0,
  CLASS_U8: 4,
  DATA_U8: 5,
  MACHINE_U16: 18,
  SHOFF_U64: 40,
  SHNUM_U16: 60,
  SHSTRNDX_U16: 62,
} as const
/** struct Elf64_Shdr. */
const SHDR = { NAME_U32: 0, OFFSET_U64: 24, SIZE_U64: 32, SIZE: 64 } as const
/** struct Elf64_Sym. */
const SYM = { NAME_U32: 0, SHNDX_U16: 6, VALUE_U64: 8, SIZE: 24 } as const
/** struct Elf64_Rel. */
const REL = { OFFSET_U64: 0, TYPE_U32: 8, SYMBOL_U32: 12, SIZE: 16 } as const
const ELF_MAGIC = 0x7f454c46
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const EM_BPF = 247
const R_BPF_64_64 = 1
/** struct map_definition: type, key size, value size, entries, flags (u32 each). */
const MAP_DEFINITION_BYTES = 20
const INSN_BYTES = 8
const LDDW = 0x18

/** A map as the program wants it. */
export interface MapDefinition {
  readonly name: string
  readonly type: number
  readonly keyBytes: number
  readonly valueBytes: number
  readonly maxEntries: number
  readonly flags: number
}

/** A program that still lacks its maps. */
export interface BpfObject {
  /** A copy, to be patched. */
  readonly instructions: Uint8Array
  readonly license: string
  readonly maps: readonly MapDefinition[]
  /** Offset in `instructions` of each `lddw` that wants a map's descriptor, and the map's name. */
  readonly references: readonly { readonly offset: number; readonly map: string }[]
}

interface Section {
  readonly name: string
  readonly data: DataView
}

const bad = (what: string): BpfError => new BpfError('bad-object', `${what}: build it anew (make bpf)`)

const textAt = (view: DataView, from: number): string => {
  let to = from
  while (to < view.byteLength && view.getUint8(to) !== 0) to++
  return Buffer.from(view.buffer, view.byteOffset + from, to - from).toString('latin1')
}

const readSections = (file: DataView): Section[] => {
  const table = Number(file.getBigUint64(EHDR.SHOFF_U64, true))
  const count = file.getUint16(EHDR.SHNUM_U16, true)
  const dataOf = (index: number): DataView => {
    const header = table + index * SHDR.SIZE
    const offset = Number(file.getBigUint64(header + SHDR.OFFSET_U64, true))
    const size = Number(file.getBigUint64(header + SHDR.SIZE_U64, true))
    return new DataView(file.buffer, file.byteOffset + offset, Math.min(size, file.byteLength - offset))
  }
  const names = dataOf(file.getUint16(EHDR.SHSTRNDX_U16, true))
  return Array.from({ length: count }, (_, index) => ({
    name: textAt(names, file.getUint32(table + index * SHDR.SIZE + SHDR.NAME_U32, true)),
    data: index === 0 ? new DataView(new ArrayBuffer(0)) : dataOf(index),
  }))
}

const mapAt = (data: DataView, o: number, name: string): MapDefinition => ({
  name,
  type: data.getUint32(o, true),
  keyBytes: data.getUint32(o + 4, true),
  valueBytes: data.getUint32(o + 8, true),
  maxEntries: data.getUint32(o + 12, true),
  flags: data.getUint32(o + 16, true),
})

/**
 * Reads an object file: program in section `program`, maps and references to them. Throws `BpfError` (bad-object) for
 * what is no such file.
 */
export const readBpfObject = (bytes: Uint8Array, program: string): BpfObject => {
  try {
    return parse(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), program)
  } catch (error) {
    if (error instanceof RangeError) throw bad('the BPF object is cut short')
    throw error
  }
}

/** The programs for LANs, see bpf/nat64.c. */
export interface LanObjects {
  /** For the ingress of their links. */
  readonly from: BpfObject
  /** For the egress. */
  readonly to: BpfObject
}

/** `readBpfObject` for both of them. */
export const readLanObjects = (bytes: Uint8Array): LanObjects => ({
  from: readBpfObject(bytes, 'from_lan'),
  to: readBpfObject(bytes, 'to_lan'),
})

const parse = (file: DataView, program: string): BpfObject => {
  const isOurs =
    file.getUint32(EHDR.MAGIC) === ELF_MAGIC &&
    file.getUint8(EHDR.CLASS_U8) === CLASS_64 &&
    file.getUint8(EHDR.DATA_U8) === LITTLE_ENDIAN &&
    file.getUint16(EHDR.MACHINE_U16, true) === EM_BPF
  if (!isOurs) throw bad('no 64-bit little-endian ELF object for BPF')
  const sections = readSections(file)
  const need = (name: string): DataView => {
    const section = sections.find((one) => one.name === name)
    if (section === undefined) throw bad(`the BPF object has no section "${name}"`)
    return section.data
  }
  const code = need(program)
  const mapsIndex = sections.findIndex(({ name }) => name === 'maps')
  const [maps, symbols, strings] = [need('maps'), need('.symtab'), need('.strtab')]
  const definitions = new Map<number, MapDefinition>()
  const symbolAt = (index: number) => ({
    name: textAt(strings, symbols.getUint32(index * SYM.SIZE + SYM.NAME_U32, true)),
    section: symbols.getUint16(index * SYM.SIZE + SYM.SHNDX_U16, true),
    value: Number(symbols.getBigUint64(index * SYM.SIZE + SYM.VALUE_U64, true)),
  })
  for (let index = 0; index < symbols.byteLength / SYM.SIZE; index++) {
    const symbol = symbolAt(index)
    if (symbol.section !== mapsIndex || symbol.name === '') continue
    definitions.set(symbol.value, mapAt(maps, symbol.value, symbol.name))
  }
  if (definitions.size * MAP_DEFINITION_BYTES !== maps.byteLength)
    throw bad('section "maps" holds more than its symbols')
  const relocations = need(`.rel${program}`)
  const references = Array.from({ length: relocations.byteLength / REL.SIZE }, (_, index) => {
    const offset = Number(relocations.getBigUint64(index * REL.SIZE + REL.OFFSET_U64, true))
    const type = relocations.getUint32(index * REL.SIZE + REL.TYPE_U32, true)
    const symbol = symbolAt(relocations.getUint32(index * REL.SIZE + REL.SYMBOL_U32, true))
    const map = symbol.section === mapsIndex ? definitions.get(symbol.value) : undefined
    if (type !== R_BPF_64_64 || map === undefined || code.getUint8(offset) !== LDDW)
      throw bad(`relocation of type ${type} at ${offset} to "${symbol.name}" is no reference to a map`)
    return { offset, map: map.name }
  })
  if (code.byteLength % INSN_BYTES !== 0) throw bad(`section "${program}" holds no whole number of instructions`)
  return {
    instructions: Uint8Array.from(new Uint8Array(code.buffer, code.byteOffset, code.byteLength)),
    license: textAt(need('license'), 0),
    maps: [...definitions.values()],
    references,
  }
}
