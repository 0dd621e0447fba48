import { formatIp4, formatIp6, type Ip4, parseIp4, parseIp6, parsePref64 } from '@sixgate/addr'
import type { HostId } from './registry.ts'

/*
 * journal = *( line LF )
 * line    = "+" SP ip4 SP ip6 SP pref64 SP seen     a mapping begins, or was seen again
 *         / "-" SP ip4 SP time                      it ends
 * seen, time = seconds since 1970, decimal
 */

/** A mapping as the disk has it. */
export interface JournalMapping {
  readonly host: HostId
  readonly ip4: Ip4
  readonly seenS: number
}

export const journalAdd = ({ host, ip4, seenS }: JournalMapping): string =>
  `+ ${formatIp4(ip4)} ${formatIp6(host.ip6)} ${host.pref64} ${Math.floor(seenS)}\n`

export const journalRemove = (ip4: Ip4, timeS: number): string => `- ${formatIp4(ip4)} ${Math.floor(timeS)}\n`

/** What journals say, and how many lines of each say nothing. */
export interface JournalContent {
  readonly mappings: readonly JournalMapping[]
  readonly badLines: readonly number[]
}

interface Event {
  readonly ip4: Ip4
  readonly timeS: number
  readonly mapping: JournalMapping | undefined
}

const seconds = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined

const readLine = (line: string): Event | undefined => {
  const [sign, ip4Text = '', second, third = '', fourth] = line.split(' ')
  const ip4 = parseIp4(ip4Text)
  if (ip4 === undefined) return undefined
  if (sign === '-') {
    const timeS = seconds(second)
    return timeS === undefined ? undefined : { ip4, timeS, mapping: undefined }
  }
  const ip6 = parseIp6(second ?? '')
  const seenS = seconds(fourth)
  if (sign !== '+' || ip6 === undefined || seenS === undefined || !parsePref64(third).ok) return undefined
  return { ip4, timeS: seenS, mapping: { host: { ip6, pref64: third }, ip4, seenS } }
}

/**
 * Reads the journals of all instances that ever used the state directory. Within a file later lines win; between files
 * the later time wins. A last line without LF was cut by a crash and is no fault; other lines that cannot be read are
 * skipped and counted. The result has each address and each host once, the longest unused first.
 */
export const readJournals = (texts: readonly string[]): JournalContent => {
  const newest = new Map<Ip4, Event>()
  const badLines = texts.map((text) => {
    let bad = 0
    const lines = text.split('\n')
    lines.pop()
    const ofFile = new Map<Ip4, Event>()
    for (const line of lines) {
      const event = readLine(line)
      if (event === undefined) bad += 1
      else ofFile.set(event.ip4, event)
    }
    for (const [ip4, event] of ofFile) {
      const other = newest.get(ip4)
      if (other === undefined || other.timeS <= event.timeS) newest.set(ip4, event)
    }
    return bad
  })
  const byHost = new Map<string, JournalMapping>()
  for (const { mapping } of [...newest.values()].toSorted((a, b) => a.timeS - b.timeS)) {
    if (mapping === undefined) continue
    const key = `${formatIp6(mapping.host.ip6)} ${mapping.host.pref64}`
    byHost.delete(key)
    byHost.set(key, mapping)
  }
  return { mappings: [...byHost.values()], badLines }
}
