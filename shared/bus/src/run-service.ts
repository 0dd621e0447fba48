import { mkdirSync } from 'node:fs'
import { createLogger, type Logger, writeHealth } from '@sixgate/obs'
import { Applier, type Condition } from './applier.ts'
import type { Bus, MakeService, Service, ServiceName, StopIntent } from './contract.ts'
import { type Environment, EnvironmentError, readEnvironment } from './environment.ts'
import { FileSource } from './file-source.ts'
import { instanceName } from './instance.ts'
import { LastKnownGood } from './last-known-good.ts'
import { openNats } from './nats/open-nats.ts'
import { offerOf } from './offer.ts'
import type { Status } from './status.ts'
import { VERSION } from './version.ts'

const TICK_MS = 1000
/** Every second tick renews the report, so that it never gets older than its lifetime. */
const REPORT_EVERY_TICKS = 2
/** Docker kills after 10 s. */
const STOP_DEADLINE_MS = 8000

/** Where documents come from, and where reports go. */
interface Site {
  readonly bus: Bus
  /** Documents come from now on. */
  start(applier: Applier): Promise<void>
  report(status: Status): void
  /** What a stop means now. */
  stopIntent(): Promise<StopIntent>
  close(): Promise<void>
}

const openFile = (path: string, log: Logger): Site => {
  let source: FileSource | undefined
  let revision = 0
  return {
    bus: { bucket: () => undefined },
    start: async (applier) => {
      source = new FileSource(path, {
        document: ({ document }) => {
          revision += 1
          applier.offer(offerOf(revision, JSON.stringify(document)))
        },
        mistake: (message) => {
          log.error(message)
          applier.refuse({ code: 'document-invalid', message })
        },
      })
      await source.read()
    },
    report: () => undefined,
    stopIntent: async () => 'remove',
    close: async () => source?.close(),
  }
}

const openSite = (environment: Environment, name: ServiceName, instance: string, log: Logger): Site => {
  const { site, stateDir } = environment
  if (site.kind === 'file') return openFile(site.path, log)
  const nats = openNats({ url: site.url, seedFile: site.seedFile, service: name, instance, log })
  return {
    ...nats,
    start: async (applier) => {
      const lastKnownGood = await new LastKnownGood(stateDir).load().catch((error: unknown) => {
        log.warn({ err: error }, 'no last known good document')
        return undefined
      })
      if (lastKnownGood !== undefined) {
        log.info(`starting with revision ${lastKnownGood.revision}, the last one known to be good`)
        applier.offer(lastKnownGood)
      }
      nats.follow(applier)
    },
  }
}

/** Logs each change of the condition once. */
const conditionLogger = (log: Logger): ((condition: Condition) => void) => {
  let last = ''
  return ({ state, problems }) => {
    const now = JSON.stringify([state, problems])
    if (now === last) return
    last = now
    if (problems.length === 0) log.info(`state: ${state}`)
    for (const { code, message } of problems) log.warn({ code, state }, message)
  }
}

/**
 * Runs a service until SIGTERM or SIGINT: takes documents from NATS or from a file (environment variables: README),
 * reports status and health, and stops it with the right intent. Never returns; a wrong environment or an error that
 * nobody caught ends the process with status 1, and what the service made stays (fail-static).
 */
export const runService = async (name: ServiceName, make: MakeService): Promise<void> => {
  const instance = instanceName()
  let revision = 0
  const source = { service: name, instance, revision: () => revision }
  let environment: Environment
  try {
    environment = readEnvironment(process.env, name)
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error
    createLogger(source).fatal(error.message)
    process.exit(1)
  }
  const log = createLogger({ ...source, level: environment.logLevel })
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, 'an error that nobody expected; the process ends, what it made stays')
      process.exit(1)
    })
  }
  const { stateDir, sysctlRoot } = environment
  mkdirSync(stateDir, { recursive: true })
  const site = openSite(environment, name, instance, log)
  const service = await make({ name, instance, log, stateDir, sysctlRoot, bus: site.bus })
  const lastKnownGood = new LastKnownGood(stateDir)
  const applier = new Applier(service, (offer) => {
    revision = offer.revision
    log.info('document in force')
    if (environment.site.kind === 'nats') keep(lastKnownGood, offer, log)
    report()
  })
  const startedAtMs = Date.now()
  const logCondition = conditionLogger(log)
  let ticks = 0
  let reported = ''
  const report = (): void => {
    const condition = applier.condition()
    logCondition(condition)
    const text = JSON.stringify(condition)
    if (text === reported && ticks % REPORT_EVERY_TICKS !== 0) return
    reported = text
    const atMs = Date.now()
    site.report({
      service: name,
      instance,
      version: VERSION,
      ...condition,
      problems: [...condition.problems],
      counters: { ...service.counters() },
      startedAtMs,
      atMs,
    })
    if (environment.healthFile === undefined) return
    const health = { state: condition.state, atMs, problems: condition.problems.map(({ message }) => message) }
    writeHealth(environment.healthFile, health).catch((error: unknown) => log.warn({ err: error }, 'health file'))
  }
  const timer = setInterval(() => {
    ticks += 1
    applier.tick()
    report()
  }, TICK_MS)
  stopOnSignal({ environment, site, service, applier, log, timer })
  await site.start(applier)
}

const keep = (lastKnownGood: LastKnownGood, offer: Parameters<LastKnownGood['save']>[0], log: Logger): void => {
  try {
    lastKnownGood.save(offer)
  } catch (error) {
    log.error({ err: error }, 'the document cannot be kept on disk: a restart without NATS would find an older one')
  }
}

interface Running {
  readonly environment: Environment
  readonly site: Site
  readonly service: Service
  readonly applier: Applier
  readonly log: Logger
  readonly timer: NodeJS.Timeout
}

const stopOnSignal = ({ environment, site, service, applier, log, timer }: Running): void => {
  const stop = async (signal: string): Promise<void> => {
    setTimeout(() => {
      log.error(`not stopped within ${STOP_DEADLINE_MS / 1000} s; the process ends`)
      process.exit(1)
    }, STOP_DEADLINE_MS).unref()
    clearInterval(timer)
    const intent = environment.onStop === 'auto' ? await site.stopIntent() : environment.onStop
    log.info(
      `${signal}: stopping; ${intent === 'keep' ? 'what this service made stays for its successor' : 'what this service made is removed'}`,
    )
    await applier.close()
    await service.stop(intent)
    await site.close()
    log.info('stopped')
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal))
}
