import type { History as Answered } from '../../../src/core/web/schemas.ts'
import { Answer } from '../answer.tsx'
import { showTime } from '../format.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Revision = Answered['revisions'][number]

const EVERY_MS = 5000
const MAX_FIELDS = 6

const OUTCOME: Readonly<Record<Revision['outcome'], string>> = {
  trial: 'has to prove itself',
  confirmed: 'confirmed',
  'put-back': 'put back',
  overtaken: 'overtaken',
}

const Became = ({ outcome, reasons }: Revision) => (
  <>
    <span class={outcome === 'put-back' ? 'bad' : undefined}>{OUTCOME[outcome]}</span>
    {reasons.map((reason) => (
      <p key={reason} class="bad">
        {reason}
      </p>
    ))}
  </>
)

const Changed = ({ changed }: Revision) => {
  if (changed === null) return '–'
  if (changed.length === 0) return 'nothing'
  return (
    <span class="mono">
      {changed.slice(0, MAX_FIELDS).join(', ')}
      {changed.length > MAX_FIELDS && ` … ${changed.length} in all`}
    </span>
  )
}

const COLUMNS = [
  { head: 'Revision', cell: ({ revision }: Revision) => String(revision) },
  { head: 'Published', cell: ({ atMs }: Revision) => showTime(atMs) },
  { head: 'Who', cell: ({ who }: Revision) => who },
  { head: 'Changed', cell: Changed },
  { head: 'What became of it', cell: Became },
  {
    head: 'Its text',
    cell: ({ revision }: Revision) => (
      <a href={`#/config?revision=${revision}`} aria-label={`Into the editor: the text of revision ${revision}`}>
        Into the editor
      </a>
    ),
  },
] as const

export const History = () => (
  <Answer
    of={useApi<Answered>('config/history', EVERY_MS)}
    empty={({ revisions }) => (revisions.length === 0 ? 'This console has published no site document yet.' : undefined)}
  >
    {({ revisions }) => (
      <Table
        caption="Revisions of the site document, newest first"
        columns={COLUMNS}
        rows={revisions}
        keyOf={({ revision, atMs }) => `${revision} ${atMs}`}
      />
    )}
  </Answer>
)
