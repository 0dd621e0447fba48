import { lowerOctet, MAX_NAME } from './name.ts'
import { type Facets, KEY_CD, KEY_DO, KEY_TAIL } from './question.ts'
import { putU16 } from './wire.ts'

/** A question's key as octets, with what it is found by. One record is filled again and again: looking up allocates nothing. */
export interface KeyOctets {
  readonly bytes: Buffer
  /** Octets of `bytes` that are the key. */
  length: number
  /** Of the whole key, 32 bits, unsigned. */
  hash: number
  /** Of its name alone. */
  nameHash: number
}

/** An empty record. */
export const newKeyOctets = (): KeyOctets => ({
  bytes: Buffer.alloc(MAX_NAME + KEY_TAIL),
  length: 0,
  hash: 0,
  nameHash: 0,
})

/** Where names land in a table is different in each process, so that nobody can choose names that meet there. */
const SEED = Math.floor(Math.random() * 0x1_0000_0000)
const FNV_PRIME = 0x01000193

/** The last step of MurmurHash3: FNV alone leaves neighbours in neighbouring places. */
const mixed = (h: number): number => {
  const a = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return (b ^ (b >>> 16)) >>> 0
}

const putHashes = (key: KeyOctets, nameHash: number): void => {
  const { bytes, length } = key
  let h = nameHash
  for (let i = length - KEY_TAIL; i < length; i++) h = Math.imul(h ^ (bytes[i] ?? 0), FNV_PRIME)
  key.nameHash = mixed(nameHash)
  key.hash = mixed(h)
}

/** The key of the question whose name of `nameLen` octets, type and class are at `o`; the name has no pointer. */
export const putWireKey = (key: KeyOctets, b: Uint8Array, o: number, nameLen: number, facets: Facets): void => {
  const { bytes } = key
  let h = SEED
  // Length octets are below 64, so lowering leaves them alone.
  for (let i = 0; i < nameLen; i++) {
    const octet = lowerOctet(b[o + i] ?? 0)
    bytes[i] = octet
    h = Math.imul(h ^ octet, FNV_PRIME)
  }
  for (let i = nameLen; i < nameLen + 4; i++) bytes[i] = b[o + i] ?? 0
  bytes[nameLen + 4] = (facets.dnssecOk ? KEY_DO : 0) | (facets.checkingDisabled ? KEY_CD : 0)
  putU16(bytes, nameLen + 5, facets.view)
  key.length = nameLen + KEY_TAIL
  putHashes(key, h)
}

/** The octets of a key that is text. */
export const putTextKey = (key: KeyOctets, text: string): void => {
  const { bytes } = key
  key.length = text.length
  const nameLen = text.length - KEY_TAIL
  let h = SEED
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i)
    bytes[i] = octet
    if (i < nameLen) h = Math.imul(h ^ octet, FNV_PRIME)
  }
  putHashes(key, h)
}

/** The hash of a text of octets: of a name as KeyOctets.nameHash, of a question's key as KeyOctets.hash. */
export const hashOfText = (text: string): number => {
  let h = SEED
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), FNV_PRIME)
  return mixed(h)
}

/** The key as text. */
export const textOfOctets = ({ bytes, length }: KeyOctets): string => bytes.toString('latin1', 0, length)
