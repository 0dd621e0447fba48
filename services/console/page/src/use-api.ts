import { createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import { ApiError, get } from './api.ts'

/** What is known of an answer. `stale`: why the newest question had no answer, while an older one is shown. */
export type Loaded<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly error: ApiError }
  | { readonly kind: 'ready'; readonly value: T; readonly stale?: ApiError }

/** Called when the session turned out to be over. */
export const LoggedOut = createContext<() => void>(() => undefined)

const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(0, { code: 'defect', message: String(error) })

/**
 * Asks the API again and again, while the page can be seen. `path` '': asks nothing yet. Another path begins anew, with
 * `loading`; another `edition` asks at once.
 */
export const useApi = <T>(path: string, everyMs: number, edition = 0): Loaded<T> => {
  const loggedOut = useContext(LoggedOut)
  const [known, setKnown] = useState<{ readonly path: string; readonly loaded: Loaded<T> }>()
  useEffect(() => {
    if (path === '') return undefined
    const abort = new AbortController()
    let timer = 0
    const ask = async (): Promise<void> => {
      try {
        const value = await get<T>(path, abort.signal)
        setKnown({ path, loaded: { kind: 'ready', value } })
      } catch (caught) {
        if (abort.signal.aborted) return
        const error = asApiError(caught)
        if (error.status === 401) loggedOut()
        setKnown((before) =>
          before?.path === path && before.loaded.kind === 'ready'
            ? { path, loaded: { ...before.loaded, stale: error } }
            : { path, loaded: { kind: 'failed', error } },
        )
      }
      if (!abort.signal.aborted && everyMs > 0) timer = window.setTimeout(() => void ask(), everyMs)
    }
    const onVisible = (): void => {
      window.clearTimeout(timer)
      if (document.visibilityState === 'visible') void ask()
    }
    document.addEventListener('visibilitychange', onVisible)
    void ask()
    return () => {
      abort.abort()
      window.clearTimeout(timer)
      document.removeEventListener('visibilitychange', onVisible)
    }
  }, [path, everyMs, edition, loggedOut])
  return known?.path === path ? known.loaded : { kind: 'loading' }
}
