import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { readIfThere, removeDurably, writeDurably } from '@sixgate/host'
import { z } from 'zod'

/** RFC 7914 §2: 2^15 blocks of 1 KiB: 32 MiB and some tenths of a second on a Pi. */
const COST = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const
const KEY_BYTES = 32
/** Who waits for scrypt at one time: each takes 32 MiB, one after the other. */
const MAX_WAITING = 8

const passwordSchema = z.object({
  algorithm: z.literal('scrypt'),
  n: z.number(),
  r: z.number(),
  p: z.number(),
  /** base64url; also says which password it is. */
  salt: z.string(),
  hash: z.string(),
})
const tokensSchema = z.array(z.object({ name: z.string(), hash: z.string(), madeAtMs: z.number() }))
type Token = z.infer<typeof tokensSchema>[number]

/** Texts of the files of password and tokens; undefined: there is none. */
export interface KeptCredentials {
  readonly password: string | undefined
  readonly tokens: string | undefined
}

const PASSWORD_FILE = 'password.json'
const TOKENS_FILE = 'tokens.json'

/** Which password and which tokens (by their names) these are. Throws that a file is damaged. */
export const checkCredentials = ({
  password,
  tokens,
}: KeptCredentials): { readonly passwordId: string | undefined; readonly tokenNames: readonly string[] } => {
  try {
    return {
      passwordId: password === undefined ? undefined : passwordSchema.parse(JSON.parse(password)).salt,
      tokenNames: tokens === undefined ? [] : tokensSchema.parse(JSON.parse(tokens)).map(({ name }) => name),
    }
  } catch (cause) {
    throw new Error('the password or the tokens of the page: are damaged', { cause })
  }
}

/** Letters and digits that nobody mistakes for each other. */
const ALPHABET = 'abcdefghjkmnpqrstvwxyz23456789'
const CODE_LETTERS = 12

const newCode = (): string => {
  // 256 is no multiple of 30: what lies above the last multiple is left out, so that all letters are as likely.
  const letters: string[] = []
  while (letters.length < CODE_LETTERS)
    for (const octet of randomBytes(CODE_LETTERS)) {
      const letter = octet < 240 ? ALPHABET[octet % ALPHABET.length] : undefined
      if (letter !== undefined && letters.length < CODE_LETTERS) letters.push(letter)
    }
  return (letters.join('').match(/.{4}/g) ?? []).join('-')
}

/** SHA-256 as hexadecimal: for what has 100 random bits or more, which needs no scrypt. */
export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

const stretch = async (password: string, salt: Uint8Array, cost: typeof COST | { N: number; r: number; p: number }) =>
  await new Promise<Buffer>((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, KEY_BYTES, { ...COST, ...cost }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })

/** Too many wait for their password to be checked. */
export class BusyError extends Error {}

/**
 * The owner's password, the code for setting the first one, and tokens: files below STATE_DIR that only the console's
 * user may read. They are read each time, so that `sixgate web` and the daemon agree. Damaged files throw.
 */
export class Credentials {
  readonly #directory: string
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(stateDir: string) {
    this.#directory = join(stateDir, 'web')
  }

  /** Which password is in force; undefined: none was set. */
  get passwordId(): string | undefined {
    return this.#password()?.salt
  }

  /** The code that setting the first password needs; made when there is none. */
  setupCode(): string {
    const known = this.#read('setup-code')
    if (known !== undefined) return known
    const code = newCode()
    writeDurably(this.#file('setup-code'), code)
    return code
  }

  /** Whether this is the code, in any spelling. There is one until a password was set. */
  isSetupCode(code: string): boolean {
    const known = this.#read('setup-code')
    const bare = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
    return known !== undefined && isSame(Buffer.from(digestOf(bare(code))), Buffer.from(digestOf(bare(known))))
  }

  /** Takes the password away: the next one is set with a new code. */
  reset(): void {
    removeDurably(this.#file(PASSWORD_FILE))
    removeDurably(this.#file('setup-code'))
  }

  /** Throws BusyError. */
  async isPassword(password: string): Promise<boolean> {
    const known = this.#password()
    if (known === undefined) return false
    const { n, r, p, salt, hash } = known
    const key = await this.#inTurn(async () => await stretch(password, Buffer.from(salt, 'base64url'), { N: n, r, p }))
    return isSame(key, Buffer.from(hash, 'base64url'))
  }

  /** Puts a password in force, and ends the code. Throws BusyError. */
  async setPassword(password: string): Promise<void> {
    const salt = randomBytes(16)
    const key = await this.#inTurn(async () => await stretch(password, salt, COST))
    const { N: n, r, p } = COST
    const text = { algorithm: 'scrypt', n, r, p, salt: salt.toString('base64url'), hash: key.toString('base64url') }
    writeDurably(this.#file(PASSWORD_FILE), JSON.stringify(text))
    removeDurably(this.#file('setup-code'))
  }

  get tokens(): readonly Token[] {
    const text = this.#read(TOKENS_FILE)
    return text === undefined ? [] : tokensSchema.parse(JSON.parse(text))
  }

  /** Makes a token; one of the same name ends. Returns the secret, which is kept nowhere. */
  addToken(name: string, nowMs: number): string {
    const secret = randomBytes(32).toString('base64url')
    const others = this.tokens.filter((token) => token.name !== name)
    this.#writeTokens([...others, { name, hash: digestOf(secret), madeAtMs: nowMs }])
    return secret
  }

  removeToken(name: string): void {
    this.#writeTokens(this.tokens.filter((token) => token.name !== name))
  }

  isToken(secret: string): boolean {
    const hash = Buffer.from(digestOf(secret))
    return this.tokens.some((token) => isSame(Buffer.from(token.hash), hash))
  }

  /** The files that say who may come in, as texts with hashes only, for a backup. */
  get kept(): KeptCredentials {
    return { password: this.#read(PASSWORD_FILE), tokens: this.#read(TOKENS_FILE) }
  }

  /** Puts files of a backup in the place of those that are there; what it does not have stays. Throws as `checkCredentials`. */
  restore(kept: KeptCredentials): void {
    const { password, tokens } = kept
    checkCredentials(kept)
    if (password !== undefined) {
      writeDurably(this.#file(PASSWORD_FILE), password)
      removeDurably(this.#file('setup-code'))
    }
    if (tokens !== undefined) writeDurably(this.#file(TOKENS_FILE), tokens)
  }

  #writeTokens(tokens: readonly Token[]): void {
    writeDurably(this.#file(TOKENS_FILE), JSON.stringify(tokens))
  }

  #password(): z.infer<typeof passwordSchema> | undefined {
    const text = this.#read(PASSWORD_FILE)
    return text === undefined ? undefined : passwordSchema.parse(JSON.parse(text))
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new BusyError('too many passwords are being checked; try again')
    this.#waiting++
    const done = this.#turn.then(work).finally(() => this.#waiting--)
    this.#turn = done.catch(() => undefined)
    return await done
  }

  #file(name: string): string {
    return join(this.#directory, name)
  }

  /** undefined: there is no such file. */
  #read(name: string): string | undefined {
    return readIfThere(this.#file(name))
  }
}
