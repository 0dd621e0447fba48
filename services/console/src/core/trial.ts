import type { Status } from '@sixgate/bus/names'
import { SILENT_MS } from './convergence.ts'

/** A document that was published a moment ago, until it has proved itself or is put back. */
export interface Trial {
  readonly revision: number
  /** The document as JSON text. */
  readonly text: string
  /** The one before it, known to be good: what it is put back to. */
  readonly previous: string
  /** Services (`nameOf`) that were well before. What others do says nothing about the document. */
  readonly wellBefore: ReadonlySet<string>
  readonly endsMs: number
}

export type TrialOutcome =
  | { readonly kind: 'running' }
  | { readonly kind: 'confirmed' }
  /** A sentence for each instance that does not get on with the document. */
  | { readonly kind: 'failed'; readonly reasons: readonly string[] }

/** A service of a gateway, as sentences name it. */
const nameOf = ({ service, gateway }: Pick<Status, 'service' | 'gateway'>): string =>
  gateway === undefined ? service : `${service} of gateway ${gateway}`

/** Services that work (`nameOf`): at least one instance lives, and all that live are ok. The console does not count. */
export const wellServices = (reports: readonly Status[], nowMs: number): ReadonlySet<string> => {
  const live = liveOf(reports, nowMs)
  const names = new Set(live.map(nameOf))
  return new Set([...names].filter((name) => live.every((one) => nameOf(one) !== name || one.state === 'ok')))
}

const liveOf = (reports: readonly Status[], nowMs: number): Status[] =>
  reports.filter(({ service, atMs }) => service !== 'console' && nowMs - atMs <= SILENT_MS)

const isRefusal = ({ state, refused }: Status, revision: number): boolean =>
  state === 'rejected' && refused === revision

const sentenceOf = ({ service, instance, problems, state }: Status): string =>
  `${service} ${instance}: ${problems.map(({ message }) => message).join('; ') || state}`

/**
 * What the reports say of a document under trial. It fails at once when an instance refuses it, and at the end of its
 * time when a service that was well before is not well with it; it is confirmed as soon as all those are, and everybody
 * else runs it.
 */
export const judgeTrial = (trial: Trial, reports: readonly Status[], nowMs: number): TrialOutcome => {
  const live = liveOf(reports, nowMs)
  const refusals = live.filter((report) => isRefusal(report, trial.revision))
  if (refusals.length > 0) return { kind: 'failed', reasons: refusals.map(sentenceOf) }
  const reasons = [...trial.wellBefore].flatMap((name) => {
    const instances = live.filter((one) => nameOf(one) === name)
    if (instances.length === 0) return [`${name}: nothing of it reports any more`]
    return instances.filter((one) => one.state !== 'ok' || one.revision !== trial.revision).map(sentenceOf)
  })
  const isOver = nowMs >= trial.endsMs
  const isEverywhere = live.length > 0 && live.every(({ revision }) => revision === trial.revision)
  if (reasons.length === 0 && (isEverywhere || isOver)) return { kind: 'confirmed' }
  return isOver ? { kind: 'failed', reasons } : { kind: 'running' }
}
