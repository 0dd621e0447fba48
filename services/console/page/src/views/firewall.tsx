import { useState } from 'preact/hooks'
import type { Firewall as Answered } from '../../../src/core/web/schemas.ts'
import { Answer, Complaints } from '../answer.tsx'
import { showBytes, showCount } from '../format.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Rule = Answered['rules'][number]
type Forward = Answered['forwards'][number]

const EVERY_MS = 5000

const RULES = [
  { head: 'Chain', cell: ({ chain }: Rule) => chain },
  { head: 'Rule', cell: ({ id }: Rule) => <code>{id}</code> },
  { head: 'Does', cell: ({ verdict }: Rule) => verdict },
  { head: 'Packets', isNumber: true, cell: ({ packets }: Rule) => showCount(packets) },
  { head: 'Bytes', isNumber: true, cell: ({ bytes }: Rule) => showBytes(bytes) },
  { head: 'What for', cell: ({ text }: Rule) => text },
] as const

const FORWARDS = [
  { head: 'Uplink port', cell: ({ protocol, port }: Forward) => `${protocol} ${port}` },
  { head: 'Leads to', cell: ({ to }: Forward) => <code>{to}</code> },
  { head: 'Port there', isNumber: true, cell: ({ toPort }: Forward) => String(toPort) },
] as const

export const Firewall = () => {
  const [onlyUsed, setOnlyUsed] = useState(true)
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={onlyUsed}
          onChange={({ currentTarget }) => setOnlyUsed(currentTarget.checked)}
        />
        Only rules that met packets
      </label>
      <Answer
        of={useApi<Answered>('firewall', EVERY_MS)}
        empty={({ rules, complaints }) =>
          rules.length === 0 && complaints.length === 0 ? 'No rules are in force yet.' : undefined
        }
      >
        {({ rules, forwards, complaints }) => (
          <>
            <Complaints of={complaints} />
            <h2>Port forwards</h2>
            {forwards.length === 0 ? (
              <p class="faint">None: no port of the uplink leads to a host.</p>
            ) : (
              <Table
                caption="By the site document"
                columns={FORWARDS}
                rows={forwards}
                keyOf={({ protocol, port }) => `${protocol} ${port}`}
              />
            )}
            <h2>Rules</h2>
            <Table
              caption={onlyUsed ? 'Rules that met packets' : 'All rules'}
              columns={RULES}
              rows={rules.filter(({ packets }) => !onlyUsed || packets > 0)}
              keyOf={({ chain, id }) => `${chain} ${id}`}
            />
          </>
        )}
      </Answer>
    </>
  )
}
