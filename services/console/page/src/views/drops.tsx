import type { Drops as Answered } from '../../../src/core/web/schemas.ts'
import { Answer, Complaints } from '../answer.tsx'
import { showCount } from '../format.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Drop = Answered['drops'][number]

const EVERY_MS = 5000

const COLUMNS = [
  { head: 'Packets', isNumber: true, cell: ({ packets }: Drop) => showCount(packets) },
  { head: 'Reason', cell: ({ reason }: Drop) => <code>{reason}</code> },
  { head: 'What it means', cell: ({ sentence }: Drop) => sentence },
] as const

export const Drops = () => (
  <>
    <p class="faint">Packets that nat64 did not translate since it started.</p>
    <Answer
      of={useApi<Answered>('drops', EVERY_MS)}
      empty={({ drops, complaints }) =>
        drops.length === 0 && complaints.length === 0 ? 'No packet was dropped since nat64 started.' : undefined
      }
    >
      {({ drops, complaints }) => (
        <>
          <Complaints of={complaints} />
          <Table caption="By reason" columns={COLUMNS} rows={drops} keyOf={({ reason }) => reason} />
        </>
      )}
    </Answer>
  </>
)
