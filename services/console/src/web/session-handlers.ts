import { randomBytes } from 'node:crypto'
import type { Logger } from '@sixgate/obs'
import { AttemptLimit } from '../core/web/attempt-limit.ts'
import { sessionCookie } from '../core/web/guard.ts'
import type { Session } from '../core/web/schemas.ts'
import type { SessionStore } from '../core/web/session-store.ts'
import type { Handlers } from './api-server.ts'
import { type Credentials, digestOf } from './credentials.ts'
import { RequestError } from './request-error.ts'

type SetCookie = (value: string) => void

/** The routes that decide who is the owner, and who may read. */
export const sessionHandlers = (
  credentials: Credentials,
  sessions: SessionStore,
  log: Logger,
): Pick<Handlers, 'session' | 'setup' | 'login' | 'logout' | 'password' | 'tokens' | 'addToken' | 'removeToken'> => {
  const limit = new AttemptLimit()
  const attempt = (client: string): void => {
    const waitS = limit.take(client, Date.now())
    if (waitS > 0)
      throw new RequestError(
        429,
        'too-many-attempts',
        `too many attempts; the next one is possible in ${waitS} s`,
        waitS,
      )
  }
  const needsSetup = (): boolean => credentials.passwordId === undefined
  const open = (setCookie: SetCookie): Session => {
    const id = randomBytes(32).toString('base64url')
    sessions.open(digestOf(id), credentials.passwordId ?? '', Date.now())
    setCookie(sessionCookie(id))
    return { isOwner: true, needsSetup: false }
  }
  const tokens = () => ({ tokens: credentials.tokens.map(({ name, madeAtMs }) => ({ name, madeAtMs })) })
  return {
    session: ({ isOwner }) => ({ isOwner, needsSetup: needsSetup() }),
    setup: async ({ body, client, setCookie }) => {
      if (!needsSetup())
        throw new RequestError(
          403,
          'password-is-set',
          'there is a password already; forgotten? run: sixgate web --reset',
        )
      attempt(client)
      if (!credentials.isSetupCode(body.code)) {
        log.warn({ client }, 'web: a wrong code for the first password')
        throw new RequestError(
          401,
          'wrong-code',
          'this is not the code; it is printed by: docker compose exec console sixgate web',
        )
      }
      await credentials.setPassword(body.password)
      limit.giveBack(client, Date.now())
      log.info({ client }, 'web: the first password was set')
      return open(setCookie)
    },
    login: async ({ body, client, setCookie }) => {
      attempt(client)
      if (!(await credentials.isPassword(body.password))) {
        log.warn({ client }, 'web: a wrong password')
        throw new RequestError(401, 'wrong-password', 'this is not the password; forgotten? run: sixgate web --reset')
      }
      limit.giveBack(client, Date.now())
      log.info({ client }, 'web: the owner logged in')
      return open(setCookie)
    },
    logout: ({ sessionId, setCookie }) => {
      if (sessionId !== undefined) sessions.close(digestOf(sessionId))
      setCookie(sessionCookie(''))
      return { isOwner: false, needsSetup: needsSetup() }
    },
    password: async ({ body, client, setCookie }) => {
      attempt(client)
      if (!(await credentials.isPassword(body.current)))
        throw new RequestError(401, 'wrong-password', 'current: this is not the password')
      await credentials.setPassword(body.password)
      limit.giveBack(client, Date.now())
      log.info({ client }, 'web: the password was changed')
      return open(setCookie)
    },
    tokens,
    addToken: ({ body: { name } }) => {
      const secret = credentials.addToken(name, Date.now())
      log.info({ token: name }, 'web: a token was made')
      return { name, secret }
    },
    removeToken: ({ body: { name } }) => {
      credentials.removeToken(name)
      log.info({ token: name }, 'web: a token was ended')
      return tokens()
    },
  }
}
