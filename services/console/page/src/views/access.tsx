import { useState } from 'preact/hooks'
import type { NewToken, Session, Tokens } from '../../../src/core/web/schemas.ts'
import { Answer } from '../answer.tsx'
import { post } from '../api.ts'
import { formText } from '../form-text.ts'
import { showTime } from '../format.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Token = Tokens['tokens'][number]

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const Password = () => {
  const [told, setTold] = useState({ text: '', isBad: false })
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    try {
      await post<Session>('password', {
        current: formText(form, 'current'),
        password: formText(form, 'password'),
      })
      form.reset()
      setTold({ text: 'The password is changed; every other session has ended.', isBad: false })
    } catch (error) {
      setTold({ text: messageOf(error), isBad: true })
    }
  }
  return (
    <form class="line" onSubmit={(event) => void submit(event)}>
      <label>
        Present password
        <input name="current" type="password" required autocomplete="current-password" />
      </label>
      <label>
        New password
        <input name="password" type="password" required minLength={10} autocomplete="new-password" />
      </label>
      <button type="submit">Change password</button>
      <p class={told.isBad ? 'bad' : 'good'} role="status">
        {told.text}
      </p>
    </form>
  )
}

const TokenList = () => {
  // Another number asks again.
  const [edition, setEdition] = useState(0)
  const [made, setMade] = useState<NewToken>()
  const [complaint, setComplaint] = useState('')
  const tokens = useApi<Tokens>('tokens', 0, edition)
  const change = async (work: () => Promise<void>): Promise<void> => {
    setComplaint('')
    try {
      await work()
      setEdition((before) => before + 1)
    } catch (error) {
      setComplaint(messageOf(error))
    }
  }
  const add = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const name = formText(form, 'name')
    void change(async () => {
      setMade(await post<NewToken>('tokens/add', { name }))
      form.reset()
    })
  }
  const remove = (name: string): void =>
    void change(async () => {
      await post<Tokens>('tokens/remove', { name })
      setMade(undefined)
    })
  return (
    <>
      <form class="line" onSubmit={add}>
        <label>
          Name of the program
          <input name="name" required pattern="[A-Za-z0-9_.\-]{1,40}" spellcheck={false} />
        </label>
        <button type="submit">Make a token</button>
      </form>
      {made !== undefined && (
        <p class="notice" role="status">
          Token of {made.name}, shown this once: <code>{made.secret}</code>
        </p>
      )}
      <p class="bad" role="alert">
        {complaint}
      </p>
      <Answer of={tokens} empty={(value) => (value.tokens.length === 0 ? 'There are no tokens.' : undefined)}>
        {(value) => (
          <Table
            caption="Programs that may read"
            columns={[
              { head: 'Name', cell: ({ name }: Token) => name },
              { head: 'Made', cell: ({ madeAtMs }: Token) => showTime(madeAtMs) },
              {
                head: 'End it',
                cell: ({ name }: Token) => (
                  <button
                    type="button"
                    class="quiet"
                    aria-label={`End the token of ${name}`}
                    onClick={() => remove(name)}
                  >
                    End
                  </button>
                ),
              },
            ]}
            rows={value.tokens}
            keyOf={({ name }) => name}
          />
        )}
      </Answer>
    </>
  )
}

export const Access = () => (
  <>
    <h2>Password</h2>
    <Password />
    <h2>Tokens</h2>
    <p>
      A program reads the <a href="/api/v1/openapi.json">API</a> with a token, and changes nothing.
    </p>
    <TokenList />
  </>
)
