/** A file of an archive. */
export interface ArchivedFile {
  /** ASCII, at most 100 octets. */
  readonly name: string
  readonly text: string
}

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
} as const

const octal = (value: number, width: number): string => value.toString(8).padStart(width, '0')

const header = (name: string, sizeBytes: number, mtimeS: number): Uint8Array => {
  const block = new Uint8Array(BLOCK)
  const put = (at: number, text: string): void => block.set(new TextEncoder().encode(text), at)
  put(AT.NAME, name)
  put(AT.MODE, `${octal(0o600, 7)}\0`)
  put(AT.UID, `${octal(0, 7)}\0`)
  put(AT.GID, `${octal(0, 7)}\0`)
  put(AT.SIZE, `${octal(sizeBytes, 11)}\0`)
  put(AT.MTIME, `${octal(mtimeS, 11)}\0`)
  put(AT.TYPE, '0')
  put(AT.MAGIC, 'ustar\u000000')
  // The sum is made with its own field full of spaces.
  put(AT.CHECKSUM, ' '.repeat(8))
  const sum = block.reduce((total, octet) => total + octet, 0)
  put(AT.CHECKSUM, `${octal(sum, 6)}\0 `)
  return block
}

const padded = (bytes: Uint8Array): Uint8Array => {
  const block = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK)
  block.set(bytes)
  return block
}

/** A tar archive (ustar) of a few files, all of root and readable for root alone. Throws RangeError: a name is too long. */
export const ustar = (files: readonly ArchivedFile[], mtimeS: number): Uint8Array => {
  const blocks = files.flatMap(({ name, text }) => {
    if (name.length > 100) throw new RangeError(`${name}: longer than 100 octets`)
    const bytes = new TextEncoder().encode(text)
    return [header(name, bytes.length, mtimeS), padded(bytes)]
  })
  const archive = new Uint8Array(blocks.reduce((total, { length }) => total + length, 2 * BLOCK))
  let at = 0
  for (const block of blocks) {
    archive.set(block, at)
    at += block.length
  }
  return archive
}
