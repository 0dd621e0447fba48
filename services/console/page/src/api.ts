import type { Failure, Session } from '../../src/core/web/schemas.ts'

/** The API said no, or nothing came back. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number

  constructor(status: number, { code, message }: Failure['error']) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.status = status
  }
}

const AWAY = { code: 'away', message: 'The gateway does not answer. It is asked again every few seconds.' } as const

const call = async <T>(path: string, init: RequestInit): Promise<T> => {
  let response: Response
  try {
    response = await fetch(`/api/v1/${path}`, { ...init, credentials: 'same-origin', cache: 'no-store' })
  } catch (error) {
    if (init.signal?.aborted === true) throw error
    throw new ApiError(0, AWAY)
  }
  const body: unknown = await response.json().catch(() => undefined)
  if (response.ok) return body as T
  const failure = body as Failure | undefined
  throw new ApiError(
    response.status,
    failure?.error ?? { code: 'unreadable', message: `The answer was ${response.status}.` },
  )
}

export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  await call<T>(path, signal === undefined ? {} : { signal })

export const post = async <T>(path: string, body: unknown): Promise<T> =>
  await call<T>(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

export const readSession = async (): Promise<Session> => await get<Session>('session')
