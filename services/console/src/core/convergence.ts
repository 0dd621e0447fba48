import { type Problem, SERVICE_NAMES, type ServiceName, type Status } from '@sixgate/bus/names'

/** A report that is not renewed for this long (it comes every 2 s) is from an instance that is gone. */
export const SILENT_MS = 6000

export type InstanceState = Status['state'] | 'gone'

/** One line of the overview: an instance, or a service of which nothing reports. */
export interface InstanceOverview {
  readonly service: ServiceName
  /** undefined: no instance is known. */
  readonly instance: string | undefined
  /** Revision in force there; 0 = none. */
  readonly revision: number
  readonly state: InstanceState
  /** Since when in this state, milliseconds since 1970; undefined: not known. */
  readonly sinceMs: number | undefined
  readonly problems: readonly Problem[]
  /** How it works at the moment; nothing to do about. */
  readonly remarks?: readonly string[] | undefined
}

export interface SiteOverview {
  /** Revision of the document in NATS; 0 = none was published yet. */
  readonly revision: number
  /** Why the document that the console reads is not the one in NATS. */
  readonly documentProblem: string | undefined
  /** In the order of SERVICE_NAMES; every service is there. */
  readonly instances: readonly InstanceOverview[]
  /** Every service is there, runs the current revision and is ok. */
  readonly isConverged: boolean
}

const goneService = (service: ServiceName): InstanceOverview => ({
  service,
  instance: undefined,
  revision: 0,
  state: 'gone',
  sinceMs: undefined,
  problems: [{ code: 'gone', message: `nothing of it reports; see: docker compose ps --all ${service}` }],
})

const silentInstance = ({ service, instance, revision, atMs }: Status): InstanceOverview => ({
  service,
  instance,
  revision,
  state: 'gone',
  sinceMs: atMs,
  problems: [{ code: 'gone', message: `it stopped reporting; see: docker compose logs ${service}` }],
})

const liveInstance = (report: Status): InstanceOverview => {
  const { service, instance, revision, state, sinceMs, problems, remarks } = report
  return { service, instance, revision, state, sinceMs, problems, ...(remarks === undefined ? {} : { remarks }) }
}

/** Puts the reports of all instances together. `revision`: of the document in NATS, 0 when there is none. */
export const overviewOf = (revision: number, reports: readonly Status[], nowMs: number): SiteOverview => {
  const byService = SERVICE_NAMES.map((service) => ({
    service,
    instances: reports
      .filter((report) => report.service === service)
      .toSorted((a, b) => (a.instance < b.instance ? -1 : 1))
      .map((report) => (nowMs - report.atMs > SILENT_MS ? silentInstance(report) : liveInstance(report))),
  }))
  // An instance that is gone does not count while others of its service live: it was scaled away, or is being replaced.
  const isSettled = byService.every(({ instances }) => {
    const live = instances.filter(({ state }) => state !== 'gone')
    return live.length > 0 && live.every((instance) => instance.state === 'ok' && instance.revision === revision)
  })
  const all = byService.flatMap(({ service, instances }) =>
    instances.length === 0 ? [goneService(service)] : instances,
  )
  const ofDocument = all.flatMap(({ service, problems }) =>
    service === 'console' ? problems.filter(({ code }) => code.startsWith('document-')) : [],
  )
  return {
    revision,
    documentProblem: ofDocument[0]?.message,
    instances: all,
    isConverged: revision > 0 && isSettled,
  }
}

/**
 * `sixgate status --json`: every service has an entry; one of which nothing reports has no instances. `showTime` writes
 * milliseconds since 1970 as ISO 8601.
 */
export const overviewJson = (
  { revision, documentProblem, instances, isConverged }: SiteOverview,
  showTime: (ms: number) => string,
): unknown => ({
  revision,
  isConverged,
  document:
    documentProblem === undefined
      ? { state: revision === 0 ? 'unpublished' : 'published' }
      : { state: 'invalid', problem: documentProblem },
  services: SERVICE_NAMES.map((name) => ({
    service: name,
    instances: instances
      .filter(({ service, instance }) => service === name && instance !== undefined)
      .map(({ instance, revision, state, sinceMs, problems, remarks }) => ({
        instance,
        revision,
        state,
        since: sinceMs === undefined ? null : showTime(sinceMs),
        problems,
        ...(remarks === undefined ? {} : { remarks }),
      })),
  })),
})
