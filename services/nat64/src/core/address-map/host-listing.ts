import { formatIp4, formatIp6, type Ip4, parseIp4 } from '@sixgate/addr'
import { HOST_USAGE } from './host-usage.ts'
import type { Mapping } from './registry.ts'

export interface Carried {
  /** On the wire: a super-packet counts as what it is cut into. */
  readonly packets: number
  /** Of the packets as they came, headers included. */
  readonly bytes: number
}

/** What was carried for a host since this instance started, by direction and path. */
export interface HostTraffic {
  readonly out: { readonly fastPath: Carried; readonly typescript: Carried }
  readonly in: { readonly fastPath: Carried; readonly typescript: Carried }
}

/** A dynamic mapping and what it is used for. */
export interface ListedHost extends HostTraffic {
  readonly ip6: string
  readonly ip4: string
  readonly pref64: string
  /** Seconds since its last packet. */
  readonly idleS: number
}

/** The answer to the question `hosts`: one page, in the order of the IPv4 addresses. */
export interface HostsPage {
  readonly hosts: readonly ListedHost[]
  /** Whether there are hosts behind the last of these: ask again with its IPv4 address as `after`. */
  readonly more: boolean
}

/** The question: hosts behind this IPv4 address, at most so many. */
export interface HostsQuery {
  readonly after: Ip4 | undefined
  readonly limit: number
}

/** A page of so many hosts is far below the 1 MiB that an answer may have. */
export const LONGEST_PAGE = 1000

/** Reads the body of the question `hosts`. Throws RangeError with a sentence for the operator. */
export const readHostsQuery = (body: unknown): HostsQuery => {
  if (body === undefined || body === null) return { after: undefined, limit: LONGEST_PAGE }
  if (typeof body !== 'object') throw new RangeError('hosts: the question is {"after": IPv4 address, "limit": number}')
  const { after, limit = LONGEST_PAGE } = body as { after?: unknown; limit?: unknown }
  const ip4 = typeof after === 'string' ? parseIp4(after) : undefined
  if (after !== undefined && ip4 === undefined)
    throw new RangeError(`hosts: after: ${JSON.stringify(after)}: must be an IPv4 address such as "198.18.0.7"`)
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > LONGEST_PAGE)
    throw new RangeError(`hosts: limit: ${JSON.stringify(limit)}: must be 1 to ${LONGEST_PAGE}`)
  return { after: ip4, limit }
}

const NOTHING: Carried = { packets: 0, bytes: 0 }

/** What the data plane knows of a mapping: `typescript` are the four numbers of host-usage.ts. */
export interface Use {
  readonly idleS: number
  readonly typescript: Float64Array
}

const numbersAt = (numbers: Float64Array, place: number): Carried => ({
  packets: numbers[place] ?? 0,
  bytes: numbers[place + 1] ?? 0,
})

/** The page that was asked for. `fastPath`: what the kernel carried, by IPv4 address. */
export const pageOf = (
  { after, limit }: HostsQuery,
  mappings: readonly Mapping[],
  useOf: (mapping: Mapping) => Use,
  fastPath: ReadonlyMap<Ip4, { readonly from6: Carried; readonly from4: Carried }>,
): HostsPage => {
  const behind = mappings.filter(({ ip4 }) => after === undefined || ip4 > after).toSorted((a, b) => a.ip4 - b.ip4)
  const hosts = behind.slice(0, limit).map((mapping): ListedHost => {
    const { idleS, typescript } = useOf(mapping)
    const kernel = fastPath.get(mapping.ip4)
    return {
      ip6: formatIp6(mapping.ip6),
      ip4: formatIp4(mapping.ip4),
      pref64: mapping.pref64,
      idleS,
      out: { fastPath: kernel?.from6 ?? NOTHING, typescript: numbersAt(typescript, HOST_USAGE.PACKETS_6TO4) },
      in: { fastPath: kernel?.from4 ?? NOTHING, typescript: numbersAt(typescript, HOST_USAGE.PACKETS_4TO6) },
    }
  })
  return { hosts, more: behind.length > limit }
}
