import { useState } from 'preact/hooks'
import type { Session } from '../../src/core/web/schemas.ts'
import { post } from './api.ts'
import { formText } from './form-text.ts'

interface GateProps {
  readonly needsSetup: boolean
  readonly onOpen: (session: Session) => void
}

const MIN_PASSWORD = 10

/** The first password, or the login. */
export const Gate = ({ needsSetup, onOpen }: GateProps) => {
  const [complaint, setComplaint] = useState('')
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const text = (name: string): string => formText(form, name)
    if (needsSetup && text('password') !== text('again')) {
      setComplaint('The two passwords are not the same.')
      return
    }
    setBusy(true)
    setComplaint('')
    try {
      const password = text('password')
      onOpen(
        await post<Session>(
          needsSetup ? 'setup' : 'login',
          needsSetup ? { code: text('code'), password } : { password },
        ),
      )
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error))
      setBusy(false)
    }
  }
  return (
    <main class="gate">
      <h1>sixgate</h1>
      <form onSubmit={(event) => void submit(event)}>
        {needsSetup && (
          <>
            <p>
              This gateway has no password yet. The code is printed on it by{' '}
              <code>docker compose exec console sixgate web</code>
            </p>
            <label>
              Code
              <input name="code" required autocomplete="one-time-code" spellcheck={false} />
            </label>
          </>
        )}
        <label>
          {needsSetup ? `New password, ${MIN_PASSWORD} characters or more` : 'Password'}
          <input
            name="password"
            type="password"
            required
            minLength={needsSetup ? MIN_PASSWORD : 1}
            autocomplete={needsSetup ? 'new-password' : 'current-password'}
          />
        </label>
        {needsSetup && (
          <label>
            The same again
            <input name="again" type="password" required autocomplete="new-password" />
          </label>
        )}
        <button type="submit" disabled={isBusy}>
          {needsSetup ? 'Set password' : 'Log in'}
        </button>
        <p class="bad" role="alert">
          {complaint}
        </p>
      </form>
    </main>
  )
}
