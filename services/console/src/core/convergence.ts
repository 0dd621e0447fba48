import { SERVICE_NAMES, type ServiceName, type Status } from '@sixgate/bus/names'

/** A service in the overview: its instances, or `gone` when nothing of it reports. */
export interface ServiceOverview {
  readonly service: ServiceName
  /** In order of instance name; empty = gone. */
  readonly instances: readonly Status[]
}

export interface SiteOverview {
  /** Revision of the document in NATS; 0 = none was published yet. */
  readonly revision: number
  readonly services: readonly ServiceOverview[]
  /** Every service is there, runs the current revision and is ok. */
  readonly isConverged: boolean
}

/** Puts the reports of all instances together. */
export const overviewOf = (revision: number, reports: readonly Status[]): SiteOverview => {
  const services = SERVICE_NAMES.map((service) => ({
    service,
    instances: reports
      .filter((report) => report.service === service)
      .toSorted((a, b) => a.instance.localeCompare(b.instance)),
  }))
  const isConverged =
    revision > 0 &&
    services.every(
      ({ instances }) =>
        instances.length > 0 &&
        instances.every((instance) => instance.state === 'ok' && instance.revision === revision),
    )
  return { revision, services, isConverged }
}
