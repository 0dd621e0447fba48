import { formatIp4, type Ip4, parseIp4, parseIp6 } from '@sixgate/addr'
import type { HostId } from './registry.ts'

/** So many mappings are restored at one question: an answer has to be there within some seconds. */
const MAX_MAPPINGS = 200

/** Question `restore-mappings`: who had which address. */
export interface MappingsRestore {
  /** The one instance that does it: two that do it at once could take from each other what they just gave. */
  readonly instance: string
  readonly mappings: readonly { readonly host: HostId; readonly ip4: Ip4 }[]
}

/** What `restore-mappings` answers; an instance that was not meant counts nothing. */
export interface RestoredMappings {
  readonly restored: number
  readonly already: number
  /** IPv4 addresses that the document in force does not have, or whose pref64 it does not have. */
  readonly unfit: readonly string[]
  /** IPv4 addresses that were given to somebody at the same moment: asking again helps. */
  readonly busy: readonly string[]
}

const FORM = `must be {instance, mappings: [{ip6, ip4, pref64}]}, at most ${MAX_MAPPINGS} of them, all texts`

const mappingOf = (entry: unknown): MappingsRestore['mappings'][number] => {
  const { ip6, ip4, pref64 } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>
  const [host, address] = [parsed(ip6, parseIp6), parsed(ip4, parseIp4)]
  if (host === undefined || address === undefined || typeof pref64 !== 'string')
    throw new TypeError(`${JSON.stringify(entry)}: ${FORM}`)
  return { host: { ip6: host, pref64 }, ip4: address }
}

const parsed = <T>(value: unknown, parse: (text: string) => T | undefined): T | undefined =>
  typeof value === 'string' ? parse(value) : undefined

/** Reads the body of the question. Throws TypeError: what came, what is allowed. */
export const readMappingsRestore = (body: unknown): MappingsRestore => {
  const { instance, mappings } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  if (typeof instance !== 'string' || !Array.isArray(mappings) || mappings.length > MAX_MAPPINGS)
    throw new TypeError(FORM)
  return { instance, mappings: mappings.map(mappingOf) }
}

/** Sums up what became of the mappings, by their addresses. */
export const restoredMappings = (
  outcomes: readonly { readonly ip4: Ip4; readonly outcome: 'restored' | 'already' | 'unfit' | 'busy' }[],
): RestoredMappings => {
  const those = (wanted: string): string[] =>
    outcomes.filter(({ outcome }) => outcome === wanted).map(({ ip4 }) => formatIp4(ip4))
  return {
    restored: those('restored').length,
    already: those('already').length,
    unfit: those('unfit'),
    busy: those('busy'),
  }
}
