import { useState } from 'preact/hooks'
import type { Explanation } from '../../../src/core/web/schemas.ts'
import { Answer, Complaints } from '../answer.tsx'
import { formText } from '../form-text.ts'
import { useApi } from '../use-api.ts'

const TYPES = ['AAAA', 'A', 'CNAME', 'MX', 'PTR', 'SRV', 'TXT'] as const

const Explained = ({ explanation }: { readonly explanation: Explanation }) => (
  <>
    <Complaints of={explanation.complaints} />
    {explanation.answers.map(({ instance, question, rcode, records, because }) => (
      <section key={instance} class="card">
        <h3>
          {question}: {rcode} <span class="faint">dns64 {instance}</span>
        </h3>
        {records.length > 0 && <pre>{records.join('\n')}</pre>}
        <ul>
          {because.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      </section>
    ))}
  </>
)

/** What the address asks for: `#/dns?name=www.example&type=AAAA`. */
const askedFor = (): { readonly name: string; readonly type: string } => {
  const asked = new URLSearchParams(location.hash.split('?')[1] ?? '')
  return { name: asked.get('name') ?? '', type: asked.get('type') ?? TYPES[0] }
}

const pathOf = (name: string, type: string): string =>
  name === '' ? '' : `dns/explain?${new URLSearchParams({ name, type })}`

/** Why the answer to a name is what it is. */
const Explain = () => {
  const [first] = useState(askedFor)
  const [path, setPath] = useState(pathOf(first.name, first.type))
  const types = [...new Set([...TYPES, first.type])]
  const ask = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = event.currentTarget
    setPath(pathOf(formText(form, 'name').trim(), formText(form, 'type')))
  }
  const explanation = useApi<Explanation>(path, 0)
  return (
    <>
      <form class="line" onSubmit={ask}>
        <label>
          Name
          <input
            name="name"
            required
            spellcheck={false}
            autocapitalize="none"
            placeholder="www.example.net"
            defaultValue={first.name}
          />
        </label>
        <label>
          Type
          <select name="type" defaultValue={first.type}>
            {types.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
        </label>
        <button type="submit">Explain</button>
      </form>
      {path === '' ? (
        <p class="state" data-state="empty">
          Ask for a name, and this says what dns64 answers, and why.
        </p>
      ) : (
        <Answer of={explanation}>{(value) => <Explained explanation={value} />}</Answer>
      )}
    </>
  )
}

export const Dns = () => (
  <>
    <h2>Why is the answer what it is?</h2>
    <Explain />
  </>
)
