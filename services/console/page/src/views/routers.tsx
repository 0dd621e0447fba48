import type { Routers as Answered } from '../../../src/core/web/schemas.ts'
import { Answer, Complaints } from '../answer.tsx'
import { showAge } from '../format.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

type Own = Answered['own'][number]
type Seen = Answered['routers'][number]

const EVERY_MS = 5000

const OWN = [
  { head: 'LAN', cell: ({ link }: Own) => link },
  { head: 'Router', cell: ({ router }: Own) => <code>{router}</code> },
  { head: 'Prefix', cell: ({ prefix }: Own) => <code>{prefix}</code> },
  { head: 'NAT64 prefix', cell: ({ pref64 }: Own) => <code>{pref64.join(', ')}</code> },
  { head: 'Search domains', cell: ({ dnssl }: Own) => dnssl.join(', ') || '–' },
] as const

const SEEN = [
  { head: 'LAN', cell: ({ link }: Seen) => link },
  { head: 'Router', cell: ({ router }: Seen) => <code>{router}</code> },
  { head: 'MAC', cell: ({ mac }: Seen) => (mac === null ? '–' : <code>{mac}</code>) },
  {
    head: 'Default router',
    cell: ({ routerLifetimeS, preference }: Seen) =>
      routerLifetimeS === 0 ? 'no' : `${showAge(routerLifetimeS)}, ${preference}`,
  },
  { head: 'Prefixes', cell: ({ prefixes }: Seen) => <code>{prefixes.join(' ') || '–'}</code> },
  { head: 'Heard', cell: ({ silentS }: Seen) => `${showAge(silentS)} ago` },
  {
    head: 'Contradicts this gateway',
    cell: ({ findings }: Seen) =>
      findings.length === 0
        ? 'no'
        : findings.map(({ code, message }) => (
            <p key={code + message} class="bad">
              {message}
            </p>
          )),
  },
] as const

export const Routers = () => (
  <Answer
    of={useApi<Answered>('routers', EVERY_MS)}
    empty={({ own, routers, complaints }) =>
      own.length + routers.length + complaints.length === 0 ? 'Nothing is advertised yet.' : undefined
    }
  >
    {({ own, routers, complaints }) => (
      <>
        <Complaints of={complaints} />
        <Table caption="What this gateway advertises" columns={OWN} rows={own} keyOf={({ link }) => link} />
        <h2>Other routers</h2>
        {routers.length === 0 ? (
          <p class="faint">No other router advertises on a LAN.</p>
        ) : (
          <Table
            caption="Heard on the LANs"
            columns={SEEN}
            rows={routers}
            keyOf={({ link, router }) => `${link} ${router}`}
          />
        )}
      </>
    )}
  </Answer>
)
