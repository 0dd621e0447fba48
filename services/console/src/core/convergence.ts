import { type Problem, SERVICE_NAMES, type ServiceName, type Status } from '@sixgate/bus/names'

/** A report that is not renewed for this long (it comes every 2 s) is from an instance that is gone. */
export const SILENT_MS = 6000

export type InstanceState = Status['state'] | 'gone'

/** One line of the overview: an instance, or a service of which nothing reports. */
export interface InstanceOverview {
  /** Which of several gateways; left out: the only one. */
  readonly gateway?: string | undefined
  readonly service: ServiceName
  /** undefined: no instance is known. */
  readonly instance: string | undefined
  /** Version of the program; undefined: nobody told it. */
  readonly version?: string
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
  /** Gateway by gateway, in the order of SERVICE_NAMES; every service is there. */
  readonly instances: readonly InstanceOverview[]
  /** Every service is there on every gateway, runs the current revision and is ok. */
  readonly isConverged: boolean
}

const placeOf = (gateway: string | undefined): Pick<InstanceOverview, 'gateway'> =>
  gateway === undefined ? {} : { gateway }

const goneService = (service: ServiceName, gateway: string | undefined): InstanceOverview => ({
  ...placeOf(gateway),
  service,
  instance: undefined,
  revision: 0,
  state: 'gone',
  sinceMs: undefined,
  problems: [{ code: 'gone', message: `nothing of it reports; see: docker compose ps --all ${service}` }],
})

const silentInstance = ({ service, instance, gateway, version, revision, atMs }: Status): InstanceOverview => ({
  ...placeOf(gateway),
  service,
  instance,
  version,
  revision,
  state: 'gone',
  sinceMs: atMs,
  problems: [{ code: 'gone', message: `it stopped reporting; see: docker compose logs ${service}` }],
})

const liveInstance = (report: Status): InstanceOverview => {
  const { service, instance, gateway, version, revision, state, sinceMs, problems, remarks } = report
  const own = { service, instance, version, revision, state, sinceMs, problems }
  return { ...placeOf(gateway), ...own, ...(remarks === undefined ? {} : { remarks }) }
}

/** Names of the gateways of a document as it stands in NATS; none: one machine, without a name. */
export const gatewaysIn = (document: unknown): readonly string[] => {
  const listed = typeof document === 'object' && document !== null && 'gateways' in document ? document.gateways : []
  if (!Array.isArray(listed)) return []
  return listed.flatMap((one: unknown) =>
    typeof one === 'object' && one !== null && 'name' in one && typeof one.name === 'string' ? [one.name] : [],
  )
}

/**
 * Puts the reports of all instances together. `revision`: of the document in NATS, 0 when there is none; `gateways`: those
 * of the document, each of which has every service. What reports from another one is listed, too.
 */
export const overviewOf = (
  revision: number,
  reports: readonly Status[],
  nowMs: number,
  gateways: readonly string[] = [],
): SiteOverview => {
  const expected: readonly (string | undefined)[] = gateways.length === 0 ? [undefined] : gateways
  const others = reports.map(({ gateway }) => gateway).filter((gateway) => !expected.includes(gateway))
  const places = [...expected, ...new Set(others)].flatMap((gateway) =>
    SERVICE_NAMES.map((service) => ({ service, gateway, isExpected: expected.includes(gateway) })),
  )
  const byService = places.map(({ service, gateway, isExpected }) => ({
    service,
    gateway,
    isExpected,
    instances: reports
      .filter((report) => report.service === service && report.gateway === gateway)
      .toSorted((a, b) => (a.instance < b.instance ? -1 : 1))
      .map((report) => (nowMs - report.atMs > SILENT_MS ? silentInstance(report) : liveInstance(report))),
  }))
  // An instance that is gone does not count while others of its service live: it was scaled away, or is being replaced.
  const isSettled = byService.every(({ instances, isExpected }) => {
    const live = instances.filter(({ state }) => state !== 'gone')
    return (
      (live.length > 0 || !isExpected) &&
      live.every((instance) => instance.state === 'ok' && instance.revision === revision)
    )
  })
  const all = byService.flatMap(({ service, gateway, instances, isExpected }) =>
    instances.length === 0 && isExpected ? [goneService(service, gateway)] : instances,
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
      .map(({ gateway, instance, version, revision, state, sinceMs, problems, remarks }) => ({
        ...placeOf(gateway),
        instance,
        version: version ?? null,
        revision,
        state,
        since: sinceMs === undefined ? null : showTime(sinceMs),
        problems,
        ...(remarks === undefined ? {} : { remarks }),
      })),
  })),
})
