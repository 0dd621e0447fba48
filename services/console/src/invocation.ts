import { type NatsSite, openNats, readEnvironment } from '@sixgate/bus'
import { createLogger, messageOf } from '@sixgate/obs'

export type Variables = Readonly<Record<string, string | undefined>>

/** 0: all is well; 1: something is not; 2: the command was wrong. */
export const EXIT = { OK: 0, NOT_WELL: 1, USAGE: 2 } as const

/** The command line is wrong: exit status 2. The message says where, what came, what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Where a command writes. */
export interface Terminal {
  /** A person looks at it: a screen can be cleared, and an archive would fill it. */
  readonly isInteractive: boolean
  /** A person looks at it and wants colours. */
  readonly hasColours: boolean
  /** Nobody reads any more (`| head`): what goes on for ever ends; what changes something goes on to its end. */
  readonly closed: AbortSignal
  print(text: string): void
  /** Octets to standard output: an archive. */
  write(bytes: Uint8Array): void
  /** One complaint, to standard error. */
  complain(text: string): void
}

/** An archive is not for a terminal: complains how `words` is called instead, and says whether it did. */
export const refusesTerminal = (terminal: Terminal, words: string, file: string): boolean => {
  if (terminal.isInteractive)
    terminal.complain(`an archive would fill the screen: docker compose exec -T console sixgate ${words} > ${file}`)
  return terminal.isInteractive
}

/** What to say of a file that cannot be read: the command runs in a container, where files of the host are not. */
export const unreadable = (file: string, words: string, cause: unknown): string =>
  `${file}: cannot be read here (${messageOf(cause)}); a file of the host comes by standard input: docker compose exec -T console sixgate ${words} - < ${file}`

const CONNECT_MS = 5000

/** Runs `work` with a connection to NATS, as the console's user. */
export const withNats = async (
  variables: Variables,
  terminal: Terminal,
  work: (nats: NatsSite) => Promise<number>,
): Promise<number> => {
  const { site } = readEnvironment(variables, 'console')
  if (site.kind !== 'nats') throw new Error('SITE: must be nats://HOST:PORT for this command')
  const { url, seedFile } = site
  const instance = `cli-${process.pid}`
  const log = createLogger({ service: 'console', instance, level: 'silent' })
  const nats = openNats({ url, seedFile, service: 'console', instance, log, isListed: false })
  try {
    if (await nats.link.ready(CONNECT_MS)) return await work(nats)
    terminal.complain(`${nats.link.complaint ?? `NATS at ${url} does not answer`}; see: docker compose ps nats`)
    return EXIT.NOT_WELL
  } finally {
    await nats.link.close()
  }
}
