import { readFile } from 'node:fs/promises'
import { type Link, type ServiceName, VERSION } from '@sixgate/bus'
import { gatewaysIn, overviewJson, overviewOf } from '../core/convergence.ts'
import type { History } from '../core/history.ts'
import { summariesOf } from '../core/history-rows.ts'
import { metricsText } from '../core/metrics.ts'
import { redactData, redactText } from '../core/redact.ts'
import type { ArchivedFile } from '../core/ustar.ts'
import { isoTime } from '../times.ts'
import { anyAnswer } from '../core/answers.ts'
import { askInstances } from './ask-instances.ts'
import { siteEvents } from './events.ts'
import { readMetrics } from './metrics.ts'
import { readPublished } from './publisher.ts'
import { readReports } from './reports.ts'
import { unlessMissing } from './unless-missing.ts'

export interface SupportSources {
  readonly link: Link
  readonly siteFile: string
  readonly history: History
  readonly nowMs: number
}

/** What services answer that helps: file name, service, question. */
const QUESTIONS: readonly (readonly [string, ServiceName, string])[] = [
  ['doctor', 'nat44-firewall', 'checks'],
  ['rules', 'nat44-firewall', 'rules'],
  ['drops', 'nat64', 'drops'],
  ['neighbours', 'ra-advertiser', 'neighbours'],
]

const README = `What sixgate support-bundle collected. Secrets are redacted: keys, hashes, passwords, tokens, paths of web addresses,
and by what resolvers know a customer.
Addresses and names of the site are in it, because most mistakes cannot be found without.
The logs are not in it, since the console cannot read them: docker compose logs --no-color --tail 500 > logs.txt
`

const json = (value: unknown): string => `${JSON.stringify(redactData(value), null, 2)}\n`

const eventLines = async (link: Link): Promise<string> => {
  const lines: string[] = []
  for await (const { atMs, ...rest } of siteEvents(link))
    lines.push(`${JSON.stringify(redactData({ at: isoTime(atMs), ...rest }))}\n`)
  return lines.join('')
}

/** The files of a support bundle. What cannot be had is a file that says why. */
export const supportFiles = async (sources: SupportSources): Promise<ArchivedFile[]> => {
  const { link, siteFile, history, nowMs } = sources
  const reports = await unlessMissing(readReports(link), [])
  const published = await readPublished(link)
  const overview = overviewOf(published?.revision ?? 0, reports, nowMs, gatewaysIn(published?.document))
  const instances = reports.map(({ service, instance, version, startedAtMs }) => ({
    service,
    instance,
    version,
    started: isoTime(startedAtMs),
  }))
  const works: readonly (readonly [string, () => Promise<string> | string])[] = [
    ['README.txt', () => README],
    ['versions.json', () => json({ console: VERSION, node: process.version, at: isoTime(nowMs), instances })],
    ['status.json', () => json(overviewJson(overview, isoTime))],
    ['reports.json', () => json(reports)],
    ['document.json', () => json(published ?? null)],
    ['site.yaml', async () => redactText(await readFile(siteFile, 'utf8'))],
    ['history.json', () => json(summariesOf(history))],
    ['events.jsonl', async () => await eventLines(link)],
    ['metrics.txt', async () => metricsText(await readMetrics(link))],
    ...QUESTIONS.map(
      ([name, service, question]) =>
        [`${name}.json`, async () => json(await askInstances(link, service, question, undefined, anyAnswer))] as const,
    ),
  ]
  return await Promise.all(
    works.map(async ([name, work]) => {
      try {
        return { name: `sixgate/${name}`, text: await work() }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        return { name: `sixgate/${name}.missing`, text: redactText(`${reason}\n`) }
      }
    }),
  )
}
