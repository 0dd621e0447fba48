import { useState } from 'preact/hooks'
import type { DnsQueries as Answered } from '../../../src/core/web/schemas.ts'
import { Answer, Complaints } from '../answer.tsx'
import { formText } from '../form-text.ts'
import { showTime, showTook } from '../format.ts'
import { KEEPS_NOTHING } from '../query-log.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Query = Answered['queries'][number]

const EVERY_MS = 5000
const TYPES = ['A', 'AAAA', 'CNAME', 'HTTPS', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'SVCB', 'TXT'] as const
const RCODES = ['NOERROR', 'NXDOMAIN', 'SERVFAIL', 'REFUSED', 'FORMERR', 'NOTIMP'] as const
const REASONS = [
  'upstream',
  'synthesised',
  'excluded-partly',
  'no-a',
  'reverse',
  'local',
  'denied',
  'failed',
  'stranger',
  'rate-limited',
  'overload',
  'not-recursive',
  'no-data-type',
] as const

const fromOf = ({ isCached, isStale, upstream }: Query): string => {
  if (isStale) return 'cache, stale'
  return isCached ? 'cache' : (upstream ?? '–')
}

/** Leads to the view that says why, with name and type filled in. */
const Why = ({ name, type }: Query) => (
  <a href={`#/dns?${new URLSearchParams({ name, type })}`} class="mono">
    {name}
  </a>
)

const CLIENT = {
  head: 'Who asked',
  cell: ({ client, clientName }: Query) => (clientName === null ? <code>{client ?? '–'}</code> : clientName),
} as const

const columns = (kept: Answered['kept']) => [
  { head: 'When', cell: ({ atMs }: Query) => showTime(atMs) },
  ...(kept === 'clients' ? [CLIENT] : []),
  { head: 'Name', cell: Why },
  { head: 'Type', cell: ({ type }: Query) => type },
  {
    head: 'Answer',
    cell: ({ rcode }: Query) => <span class={rcode === 'NOERROR' ? undefined : 'bad'}>{rcode}</span>,
  },
  { head: 'Reason', cell: ({ reason }: Query) => <code>{reason}</code> },
  { head: 'From', cell: fromOf },
  { head: 'Took', isNumber: true, cell: ({ tookUs }: Query) => (tookUs === null ? '–' : showTook(tookUs)) },
]

const Choice = ({
  name,
  label,
  of,
}: {
  readonly name: string
  readonly label: string
  readonly of: readonly string[]
}) => (
  <label>
    {label}
    <select name={name}>
      <option value="">any</option>
      {of.map((value) => (
        <option key={value}>{value}</option>
      ))}
    </select>
  </label>
)

const FIELDS = ['name', 'client', 'type', 'rcode', 'reason'] as const

/** What a form asks for; empty fields are left out. */
const queryOf = (form: EventTarget | null): string => {
  const filled = FIELDS.map((field) => [field, formText(form, field).trim()]).filter(([, text]) => text !== '')
  const query = new URLSearchParams(filled).toString()
  return query === '' ? '' : `?${query}`
}

const Shown = ({ answer: { kept, room, queries, sentences, complaints } }: { readonly answer: Answered }) => (
  <>
    <Complaints of={complaints} />
    <Table
      caption={`${queries.length} newest, of the ${room.toLocaleString('en')} that there is room for`}
      columns={columns(kept)}
      rows={queries.map((query, index) => ({ ...query, index }))}
      keyOf={({ atMs, index }) => `${atMs} ${index}`}
    />
    <h2>What the reasons mean</h2>
    <dl>
      {Object.entries(sentences).map(([reason, sentence]) => (
        <div key={reason}>
          <dt>
            <code>{reason}</code>
          </dt>
          <dd>{sentence}</dd>
        </div>
      ))}
    </dl>
  </>
)

const emptiness =
  (isFiltered: boolean) =>
  ({ kept, queries, complaints }: Answered): string | undefined => {
    if (queries.length > 0 || complaints.length > 0) return undefined
    if (kept === 'off') return KEEPS_NOTHING
    return isFiltered ? 'No query that is kept is like that.' : 'Nobody has asked anything yet.'
  }

export const Queries = () => {
  const [query, setQuery] = useState('')
  const answer = useApi<Answered>(`dns/queries${query}`, EVERY_MS)
  const kept = answer.kind === 'ready' ? answer.value.kept : null
  return (
    <>
      <form
        class="line"
        onSubmit={(event) => {
          event.preventDefault()
          setQuery(queryOf(event.currentTarget))
        }}
        onChange={({ currentTarget }) => setQuery(queryOf(currentTarget))}
      >
        <label>
          Part of the name
          <input type="search" name="name" maxLength={255} spellcheck={false} autocapitalize="none" />
        </label>
        <label>
          Address of who asked
          <input type="search" name="client" maxLength={60} spellcheck={false} autocapitalize="none" />
        </label>
        <Choice name="type" label="Type" of={TYPES} />
        <Choice name="rcode" label="Answer" of={RCODES} />
        <Choice name="reason" label="Reason" of={REASONS} />
        <button type="submit">Filter</button>
      </form>
      {kept === 'names' && (
        <p class="faint">
          Who asked is not kept, as <code>dns64.queryLog: names</code> says; <code>clients</code> would.
        </p>
      )}
      <Answer of={answer} empty={emptiness(query !== '')}>
        {(value) => <Shown answer={value} />}
      </Answer>
    </>
  )
}
