import { useState } from 'preact/hooks'
import type { Hosts as Answered, HostLine } from '../../../src/core/web/schemas.ts'
import { Answer, Complaints } from '../answer.tsx'
import { showAge, showBytes } from '../format.ts'
import { Table } from '../table.tsx'
import { useApi } from '../use-api.ts'

const EVERY_MS = 5000

const bytesOf = (path: HostLine['out']): number => (path === null ? 0 : path.fastPath.bytes + path.typescript.bytes)

/** What was never carried, for want of a mapping, is no 0. */
const showCarried = (path: HostLine['out']): string => (path === null ? '–' : showBytes(bytesOf(path)))

const fastShare = ({ out, in: back }: HostLine): string => {
  const all = bytesOf(out) + bytesOf(back)
  const fast = (out?.fastPath.bytes ?? 0) + (back?.fastPath.bytes ?? 0)
  return all === 0 ? '–' : `${Math.floor((fast / all) * 100)} %`
}

const matches =
  (wanted: string) =>
  (line: HostLine): boolean =>
    [line.name, line.mac, line.ip4, ...line.addresses].some((text) => text?.toLowerCase().includes(wanted) === true)

const COLUMNS = [
  { head: 'Name', cell: ({ name }: HostLine) => name ?? '–' },
  { head: 'MAC', cell: ({ mac }: HostLine) => (mac === null ? '–' : <code>{mac}</code>) },
  {
    head: 'IPv6',
    cell: ({ addresses, ip6 }: HostLine) =>
      addresses.map((address) => (
        <div key={address}>
          <code class={address === ip6 ? 'mapped' : 'faint'}>{address}</code>
        </div>
      )),
  },
  { head: 'IPv4 of the pool', cell: ({ ip4 }: HostLine) => (ip4 === null ? '–' : <code>{ip4}</code>) },
  { head: 'CLAT', cell: ({ isLikelyClat }: HostLine) => (isLikelyClat ? 'likely' : '–') },
  { head: 'Out', isNumber: true, cell: ({ out }: HostLine) => showCarried(out) },
  { head: 'In', isNumber: true, cell: (line: HostLine) => showCarried(line.in) },
  { head: 'In the kernel', isNumber: true, cell: fastShare },
  { head: 'Last packet', cell: ({ idleS }: HostLine) => (idleS === null ? '–' : `${showAge(idleS)} ago`) },
] as const

export const Hosts = () => {
  const [wanted, setWanted] = useState('')
  const answer = useApi<Answered>('hosts', EVERY_MS)
  return (
    <>
      <label class="filter">
        Name, address or MAC
        <input type="search" value={wanted} onInput={({ currentTarget }) => setWanted(currentTarget.value)} />
      </label>
      <Answer
        of={answer}
        empty={({ hosts, complaints }) =>
          hosts.length === 0 && complaints.length === 0 ? 'No host was seen on the LAN yet.' : undefined
        }
      >
        {({ hosts, complaints }) => {
          const shown = hosts.filter(matches(wanted.trim().toLowerCase()))
          return (
            <>
              <Complaints of={complaints} />
              <Table
                caption={`${shown.length} of ${hosts.length} hosts`}
                columns={COLUMNS}
                rows={shown}
                keyOf={({ ip4, mac, addresses }) => `${ip4} ${mac} ${addresses[0]}`}
              />
              <p class="faint">
                CLAT is likely where the mapped address leaves the checksum as with an IPv4 source in 192.0.0.0/29: a
                host’s own translator (464XLAT), as Android has it, makes it so. A CLAT that does not is not seen.
              </p>
            </>
          )
        }}
      </Answer>
    </>
  )
}
