import type { Events as Answered } from '../../../src/core/web/schemas.ts'
import { Answer } from '../answer.tsx'
import { showTime } from '../format.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Event = Answered['events'][number]

const EVERY_MS = 10_000

const COLUMNS = [
  { head: 'When', cell: ({ atMs }: Event) => showTime(atMs) },
  { head: 'Service', cell: ({ service }: Event) => service },
  { head: 'Instance', cell: ({ instance }: Event) => <code>{instance}</code> },
  {
    head: 'What',
    cell: ({ level, message }: Event) => <span class={level === 'warn' ? 'bad' : undefined}>{message}</span>,
  },
] as const

export const Events = () => (
  <Answer
    of={useApi<Answered>('events', EVERY_MS)}
    empty={({ events }) => (events.length === 0 ? 'Nothing has happened yet.' : undefined)}
  >
    {({ events }) => (
      <Table
        caption="Newest first"
        columns={COLUMNS}
        rows={events}
        keyOf={({ atMs, service, instance, kind, message }) => `${atMs} ${service} ${instance} ${kind} ${message}`}
      />
    )}
  </Answer>
)
