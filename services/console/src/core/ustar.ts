/** A file of an archive. */
export interface ArchivedFile {
  /** ASCII, at most 100 octets. */
  readonly name: string
  readonly text: string
  /** Who may read it; 0o600 when left out. */
  readonly mode?: number
}

/** It is no archive that `ustar` made; the message says what came and what is allowed. */
export class UstarError extends Error {}

const BLOCK = 512

/** POSIX.1-1988 ustar header, octets from its start. */
const AT = {
  NAME: 0,
  MODE: 100,
  UID: 108,
  GID: 116,
  SIZE: 124,
  MTIME: 136,
  CHECKSUM: 148,
  TYPE: 156,
  MAGIC: 257,
  PREFIX: 345,
} as const

const octal = (value: number, width: number): string => value.toString(8).padStart(width, '0')

/** The sum is made with its own field full of spaces. */
const checksum = (block: Uint8Array): number =>
  block.reduce((total, octet, at) => total + (at >= AT.CHECKSUM && at < AT.TYPE ? 0x20 : octet), 0)

const header = (name: string, sizeBytes: number, mtimeS: number, mode: number): Uint8Array => {
  const block = new Uint8Array(BLOCK)
  const put = (at: number, text: string): void => block.set(new TextEncoder().encode(text), at)
  put(AT.NAME, name)
  put(AT.MODE, `${octal(mode, 7)}\0`)
  put(AT.UID, `${octal(0, 7)}\0`)
  put(AT.GID, `${octal(0, 7)}\0`)
  put(AT.SIZE, `${octal(sizeBytes, 11)}\0`)
  put(AT.MTIME, `${octal(mtimeS, 11)}\0`)
  put(AT.TYPE, '0')
  put(AT.MAGIC, 'ustar\u000000')
  put(AT.CHECKSUM, `${octal(checksum(block), 6)}\0 `)
  return block
}

const padded = (bytes: Uint8Array): Uint8Array => {
  const block = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK)
  block.set(bytes)
  return block
}

/** A tar archive (ustar) of a few files, all of root, and readable for root alone unless it says otherwise. Throws RangeError: a name is too long. */
export const ustar = (files: readonly ArchivedFile[], mtimeS: number): Uint8Array => {
  const blocks = files.flatMap(({ name, text, mode = 0o600 }) => {
    if (name.length > 100) throw new RangeError(`${name}: longer than 100 octets`)
    const bytes = new TextEncoder().encode(text)
    return [header(name, bytes.length, mtimeS, mode), padded(bytes)]
  })
  const archive = new Uint8Array(blocks.reduce((total, { length }) => total + length, 2 * BLOCK))
  let at = 0
  for (const block of blocks) {
    archive.set(block, at)
    at += block.length
  }
  return archive
}

/** The text of a field up to its NUL; octets beyond ASCII become U+FFFD. */
const fieldOf = (block: Uint8Array, at: number, length: number): string => {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end))
}

const numberOf = (block: Uint8Array, at: number, length: number): number => {
  const digits = fieldOf(block, at, length).trim()
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
}

/**
 * Reads an archive as `ustar` makes it: plain files only, names in ASCII without a prefix, each once, UTF-8. What else tar
 * can hold (links, folders, long names) is a mistake here. Throws UstarError.
 */
export const readUstar = (archive: Uint8Array): ArchivedFile[] => {
  const files = new Map<string, ArchivedFile>()
  for (let at = 0; ; ) {
    const block = archive.subarray(at, at + BLOCK)
    if (block.length < BLOCK) throw new UstarError('the archive ends in the middle: it is truncated')
    if (block.every((octet) => octet === 0)) return [...files.values()]
    if (fieldOf(block, AT.MAGIC, 5) !== 'ustar' || numberOf(block, AT.CHECKSUM, 8) !== checksum(block))
      throw new UstarError(at === 0 ? 'it is no tar archive' : `no header of a file at octet ${at}: it is damaged`)
    const name = fieldOf(block, AT.NAME, AT.MODE)
    if (!/^[\x21-\x7e]+$/.test(name)) throw new UstarError(`${JSON.stringify(name)}: a name must be printable ASCII`)
    if (block[AT.TYPE] !== 0x30 || fieldOf(block, AT.PREFIX, 155) !== '')
      throw new UstarError(`${name}: is a folder, a link or has a long name; only plain files are allowed`)
    if (files.has(name)) throw new UstarError(`${name}: is there twice`)
    const size = numberOf(block, AT.SIZE, 12)
    const start = at + BLOCK
    if (Number.isNaN(size) || start + size > archive.length)
      throw new UstarError(`${name}: is longer than the archive: it is truncated`)
    files.set(name, { name, text: textOf(name, archive.subarray(start, start + size)) })
    at = start + Math.ceil(size / BLOCK) * BLOCK
  }
}

const textOf = (name: string, bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new UstarError(`${name}: is no text in UTF-8`, { cause })
  }
}
