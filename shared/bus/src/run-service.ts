import { mkdirSync } from 'node:fs'
import { bring, createLogger, type Happening, type Logger } from '@sixgate/obs'
import { Applier, type Condition } from './applier.ts'
import type { MakeService, Problem, ServiceName } from './contract.ts'
import { type Environment, EnvironmentError, readEnvironment } from './environment.ts'
import { eventOf } from './event.ts'
import { instanceName } from './instance.ts'
import { LastKnownGood } from './last-known-good.ts'
import { LOG_LEVEL_QUESTION, logLevelQuestion } from './log-level.ts'
import { removeLeftovers } from './remove.ts'
import { Reporter } from './reporter.ts'
import { openFileSite, openNatsSite, type SiteSource } from './site-source.ts'
import { stopOnSignal } from './stop.ts'

const TICK_MS = 1000

const environmentOf = (name: ServiceName, log: Logger): Environment => {
  try {
    const environment = readEnvironment(process.env, name)
    mkdirSync(environment.stateDir, { recursive: true })
    return environment
  } catch (error) {
    if (error instanceof EnvironmentError) log.fatal(error.message)
    else log.fatal({ err: error }, 'STATE_DIR: cannot be made; name a directory that this service may write to')
    return process.exit(1)
  }
}

/** An error that nobody caught ends the process, so that Docker starts it anew; what it made stays (fail-static). */
const failStatic = (log: Logger): void => {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, 'an error that nobody expected; the process ends, what it made stays')
      process.exit(1)
    })
  }
}

/**
 * Runs a service until SIGTERM or SIGINT: takes documents from NATS or from a file (environment variables: README),
 * reports status and health, and stops it with the right intent. The process ends with it: status 0 after a stop, 1
 * when the environment is wrong or an error was not caught. With `--remove` on the command line it takes away what an
 * earlier process of the service left behind, and ends.
 */
export const runService = async (name: ServiceName, make: MakeService): Promise<void> => {
  let revision = 0
  let unkept: readonly Problem[] = []
  const early = createLogger({ service: name, instance: instanceName() })
  const { logLevel, stateDir, sysctlRoot, gateway, ...environment } = environmentOf(name, early)
  const instance = instanceName(gateway)
  const logSource = { service: name, instance, revision: () => revision }
  let keepEvent: SiteSource['event'] = () => undefined
  const onHappening = (happening: Happening): void =>
    keepEvent(eventOf(happening, { service: name, instance, revision, atMs: Date.now() }))
  const log = createLogger({ ...logSource, level: logLevel, onHappening })
  failStatic(log)
  const lastKnownGood = new LastKnownGood(stateDir, gateway)
  if (process.argv.includes('--remove')) {
    const context = { name, instance, gateway, log, stateDir, sysctlRoot, bus: { bucket: () => undefined } }
    return await removeLeftovers(await make(context), lastKnownGood, log)
  }
  const identity = { service: name, instance, gateway, log }
  const source: SiteSource =
    environment.site.kind === 'file'
      ? openFileSite(environment.site.path, gateway)
      : openNatsSite({ ...environment.site, ...identity }, lastKnownGood, environment.stoppingFile)
  keepEvent = (event) => source.event(event)
  const service = await make({ name, instance, gateway, log, stateDir, sysctlRoot, bus: source.bus })
  const applier = new Applier(service, {
    applied: (offer) => {
      revision = offer.revision
      log.info('document in force')
      bring(log, { kind: 'document-in-force', message: `revision ${revision} is in force` })
      source.applied(offer)
      unkept = source.keep()
    },
    changed: () => report(),
  })
  const { healthFile, onStop } = environment
  const reporter = new Reporter({
    ...identity,
    healthFile,
    counters: () => service.counters(),
    ...(service.remarks === undefined ? {} : { remarks: () => service.remarks?.() ?? [] }),
    ...(service.routers === undefined ? {} : { routers: () => service.routers?.() ?? [] }),
    send: (status) => source.report(status),
  })
  const condition = (): Condition =>
    applier.condition([...(applier.revision === 0 ? source.waitingFor() : []), ...unkept])
  const report = (): void => reporter.report(condition())
  const timer = setInterval(() => {
    applier.tick()
    unkept = source.keep()
    report()
  }, TICK_MS)
  stopOnSignal(log, async () => {
    clearInterval(timer)
    const intent = onStop === 'auto' ? await source.stopIntent() : onStop
    log.info(intent === 'keep' ? 'what this service made stays for its successor' : 'what this service made is removed')
    const idle = applier.close()
    report()
    await idle
    await service.stop(intent)
    await source.close()
  })
  source.answer({ ...service.questions, [LOG_LEVEL_QUESTION]: logLevelQuestion(log) })
  await source.start(applier)
  report()
}
