import type { DnsTop as Answered } from '../../../src/core/web/schemas.ts'
import { Answer, Complaints } from '../answer.tsx'
import { showCount, showTime } from '../format.ts'
import { KEEPS_NOTHING } from '../query-log.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Name = Answered['names'][number]

const EVERY_MS = 10_000

const COLUMNS = [
  { head: 'Queries', isNumber: true, cell: ({ queries }: Name) => showCount(queries) },
  {
    head: 'Too high by at most',
    isNumber: true,
    cell: ({ overAtMost }: Name) => (overAtMost === 0 ? '–' : showCount(overAtMost)),
  },
  { head: 'Name', cell: ({ name }: Name) => <code>{name}</code> },
] as const

const emptiness = ({ kept, names, complaints }: Answered): string | undefined => {
  if (names.length > 0 || complaints.length > 0) return undefined
  return kept === 'off' ? KEEPS_NOTHING : 'Nothing was asked in this hour and the one before.'
}

export const TopNames = () => (
  <Answer of={useApi<Answered>('dns/top', EVERY_MS)} empty={emptiness}>
    {({ sinceMs, names, complaints }) => (
      <>
        <Complaints of={complaints} />
        <Table
          caption={sinceMs === null ? 'Not counted' : `Asked for most since ${showTime(sinceMs)}`}
          columns={COLUMNS}
          rows={names}
          keyOf={({ name }) => name}
        />
      </>
    )}
  </Answer>
)
