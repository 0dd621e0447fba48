import { useCallback, useEffect, useState } from 'preact/hooks'
import type { Session } from '../../src/core/web/schemas.ts'
import { ApiError, post, readSession } from './api.ts'
import { Gate } from './gate.tsx'
import { LoggedOut } from './use-api.ts'
import { VIEWS } from './views.ts'

const RETRY_MS = 3000

/** The view that the address names: `#/hosts`, `#/dns?name=www.example`. */
const useView = (): (typeof VIEWS)[number] => {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const onChange = (): void => setHash(location.hash)
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [])
  const [name] = hash.split('?')
  return VIEWS.find(({ id }) => name === `#/${id}`) ?? VIEWS[0]
}

const useSession = (): [Session | string | undefined, (session: Session) => void, () => void] => {
  const [session, setSession] = useState<Session | string>()
  const read = useCallback(async (): Promise<void> => {
    try {
      setSession(await readSession())
    } catch (error) {
      setSession(error instanceof ApiError ? error.message : String(error))
      setTimeout(() => void read(), RETRY_MS)
    }
  }, [])
  useEffect(() => void read(), [read])
  return [session, setSession, useCallback(() => void read(), [read])]
}

const Shell = ({ onLogout }: { readonly onLogout: () => void }) => {
  const view = useView()
  useEffect(() => {
    document.title = `${view.title} · sixgate`
    // On a telephone the menu is one row that scrolls.
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [view])
  return (
    <>
      <a class="skip" href="#main" onClick={focusMain}>
        Skip to content
      </a>
      <header>
        <span class="brand">sixgate</span>
        <nav aria-label="Views">
          {VIEWS.map(({ id, title }) => (
            <a key={id} href={`#/${id}`} aria-current={id === view.id ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <button type="button" class="quiet" onClick={onLogout}>
          Log out
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        <h1>{view.title}</h1>
        <view.View key={view.id} />
      </main>
    </>
  )
}

/** Not by the address, which names the view. */
const focusMain = (event: Event): void => {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

export const App = () => {
  const [session, setSession, readAgain] = useSession()
  const logOut = useCallback(async (): Promise<void> => {
    await post<Session>('logout', {}).catch(() => undefined)
    readAgain()
  }, [readAgain])
  if (session === undefined)
    return (
      <main class="gate">
        <p role="status">Loading …</p>
      </main>
    )
  if (typeof session === 'string')
    return (
      <main class="gate">
        <p class="bad" role="alert">
          {session}
        </p>
      </main>
    )
  if (!session.isOwner) return <Gate needsSetup={session.needsSetup} onOpen={setSession} />
  return (
    <LoggedOut.Provider value={readAgain}>
      <Shell onLogout={() => void logOut()} />
    </LoggedOut.Provider>
  )
}
