import { LOG_LEVELS } from '@sixgate/obs'
import { isGatewayName } from '@sixgate/site'
import type { ServiceName, StopIntent } from './contract.ts'

export type SiteSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'nats'; readonly url: string; readonly seedFile: string }

export interface Environment {
  readonly site: SiteSource
  /** Which of several gateways this machine is; undefined: the only one. */
  readonly gateway: string | undefined
  readonly stateDir: string
  readonly sysctlRoot: string
  /** undefined: no health file is written. */
  readonly healthFile: string | undefined
  /** Where the console leaves its mark that the site goes down, besides NATS; undefined: nowhere. */
  readonly stoppingFile: string | undefined
  readonly logLevel: string
  readonly onStop: StopIntent | 'auto'
}

/** An environment variable that is wrong; the message says which, what came and what is allowed. */
export class EnvironmentError extends Error {
  readonly code = 'environment'

  constructor(message: string) {
    super(message)
    this.name = 'EnvironmentError'
  }
}

type Variables = Readonly<Record<string, string | undefined>>

const show = (value: string | undefined): string => (value === undefined ? 'not set' : JSON.stringify(value))

const parseSource = (variables: Variables): SiteSource => {
  const { SITE: site, NKEY_SEED_FILE: seedFile } = variables
  if (site?.startsWith('file:') && site.length > 'file:'.length) return { kind: 'file', path: site.slice(5) }
  if (site !== undefined && /^nats:\/\/[^/\s]+$/.test(site)) {
    if (seedFile !== undefined && seedFile !== '') return { kind: 'nats', url: site, seedFile }
    throw new EnvironmentError(
      `NKEY_SEED_FILE: ${show(seedFile)}: with SITE=${site} it must name the file of the nkey seed`,
    )
  }
  throw new EnvironmentError(
    `SITE: ${show(site)}: must be file:PATH (a site document, without NATS) or nats://HOST:PORT, e.g. SITE=file:deploy/site.yaml`,
  )
}

const gatewayOf = (came: string | undefined): string | undefined => {
  if (came === undefined || came === '') return undefined
  if (isGatewayName(came)) return came
  throw new EnvironmentError(
    `GATEWAY: ${show(came)}: must be the name of this machine in \`gateways\` of the site document, 1 to 15 lower-case letters and digits, or not set`,
  )
}

const oneOf = <T extends string>(name: string, came: string | undefined, allowed: readonly T[], preset: T): T => {
  if (came === undefined || came === '') return preset
  const found = allowed.find((value) => value === came)
  if (found !== undefined) return found
  throw new EnvironmentError(`${name}: ${show(came)}: must be one of ${allowed.join(', ')}`)
}

/** Reads the environment of a service. Throws EnvironmentError. */
export const readEnvironment = (variables: Variables, name: ServiceName): Environment => ({
  site: parseSource(variables),
  gateway: gatewayOf(variables.GATEWAY),
  stateDir: variables.STATE_DIR || `/var/lib/sixgate/${name}`,
  sysctlRoot: variables.SYSCTL_ROOT || '/proc/sys/net',
  healthFile: variables.HEALTH_FILE || undefined,
  stoppingFile: variables.STOPPING_FILE || undefined,
  logLevel: oneOf('LOG_LEVEL', variables.LOG_LEVEL, LOG_LEVELS, 'info'),
  onStop: oneOf('ON_STOP', variables.ON_STOP, ['auto', 'keep', 'remove'], 'auto'),
})
