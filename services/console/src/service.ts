import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  BUCKETS,
  type Condition,
  EnvironmentError,
  eventOf,
  type FileSink,
  FileSource,
  instanceName,
  Lease,
  LOG_LEVEL_QUESTION,
  logLevelQuestion,
  openNats,
  type NatsSite,
  putStoppingFile,
  putStoppingMark,
  Reporter,
  readEnvironment,
  removeStoppingFile,
  removeStoppingMark,
  stopOnSignal,
} from '@sixgate/bus'
import { bring, Counters, createLogger, type Happening, type Logger } from '@sixgate/obs'
import { conditionOf } from './core/condition.ts'
import { publishedHappening } from './core/history-events.ts'
import { adoptKnownPrefix } from './io/known-prefix.ts'
import { Confirmer } from './io/confirmer.ts'
import { MarkSweeper } from './io/deletion-marks.ts'
import { DocumentStore } from './io/document-store.ts'
import { Publisher, type Standing } from './io/publisher.ts'
import { CONSOLE_LEASE, notHere } from './io/publishing.ts'
import { restoreQuestion } from './restore-question.ts'
import { rollbackQuestion } from './rollback-question.ts'
import { Restorer } from './io/restorer.ts'
import { untilActive } from './stand-by.ts'
import { WebConsole } from './web/web-console.ts'

const TICK_MS = 1000
/** How long the mark that the site goes down may take to get to NATS. */
const MARK_MS = 2500

type Variables = Readonly<Record<string, string | undefined>>

/** What the console needs of its environment. */
interface Settings {
  readonly url: string
  readonly seedFile: string
  readonly siteFile: string
  /** Another path to it, by which it can be written. */
  readonly writeThrough: string | undefined
  readonly stateDir: string
  readonly healthFile: string | undefined
  readonly stoppingFile: string | undefined
  readonly logLevel: string
  /** Which of several gateways this machine is; undefined: the only one. */
  readonly gateway: string | undefined
  /** `PUBLISH=no`: it follows what the console of another gateway publishes. */
  readonly publishes: boolean
  /** How many servers keep each bucket. */
  readonly replicas: number
  /** How long a new document has to prove itself. */
  readonly confirmMs: number
}

/** Reads the environment of the console. Throws EnvironmentError. */
export const readSettings = (variables: Variables): Settings => {
  const { site, ...rest } = readEnvironment(variables, 'console')
  if (site.kind !== 'nats')
    throw new EnvironmentError('SITE: the console publishes the document, so this must be nats://HOST:PORT')
  const siteFile = variables.SITE_FILE
  if (siteFile === undefined || siteFile === '')
    throw new EnvironmentError('SITE_FILE: not set: it must name the site document, e.g. deploy/site.yaml')
  const writeThrough = variables.SITE_WRITE_FILE || undefined
  const publishes = publishesOf(variables.PUBLISH)
  const replicas = replicasOf(variables.NATS_REPLICAS)
  return { ...rest, ...site, siteFile, writeThrough, publishes, replicas, confirmMs: confirmMsOf(variables.CONFIRM_S) }
}

const DEFAULT_CONFIRM_S = 30
const MAX_CONFIRM_S = 3600

const confirmMsOf = (text: string | undefined): number => {
  if (text === undefined || text === '') return DEFAULT_CONFIRM_S * 1000
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds <= MAX_CONFIRM_S))
    throw new EnvironmentError(
      `CONFIRM_S: "${text}": must be a whole number of seconds from 0 (nothing is put back) to ${MAX_CONFIRM_S}`,
    )
  return seconds * 1000
}

const publishesOf = (text: string | undefined): boolean => {
  if (text === undefined || text === '' || text === 'yes') return true
  if (text === 'no') return false
  throw new EnvironmentError(
    `PUBLISH: "${text}": must be yes, or no for a console that follows what that of another gateway publishes`,
  )
}

/** What JetStream allows that survives the loss of a server, and what one server can do. */
const REPLICAS = ['1', '3', '5']

const replicasOf = (text: string | undefined): number => {
  if (text === undefined || text === '') return 1
  if (REPLICAS.includes(text)) return Number(text)
  throw new EnvironmentError(
    `NATS_REPLICAS: "${text}": must be ${REPLICAS.join(', ')}: how many NATS servers keep each bucket`,
  )
}

/** Where the console keeps what `auto` stands for; the folder of the document may belong to somebody else. */
export const autoFileOf = (stateDir: string): string => join(stateDir, 'site.auto.yaml')

/**
 * When the console is stopped, the site probably goes down: `docker compose down` stops it before the services. The mark
 * goes into the shared file, which needs no NATS, and into NATS for services that do not have that file.
 */
const markStop = async (
  nats: NatsSite,
  { stoppingFile, gateway }: Pick<Settings, 'stoppingFile' | 'gateway'>,
  log: Logger,
): Promise<void> => {
  try {
    if (stoppingFile !== undefined) putStoppingFile(stoppingFile, Date.now())
  } catch (error) {
    log.warn(
      { err: error },
      `STOPPING_FILE: ${stoppingFile} cannot be written; services learn of the stop from NATS alone`,
    )
  }
  const late = new Promise((_, reject) => setTimeout(reject, MARK_MS, new Error('NATS does not answer')).unref())
  try {
    await Promise.race([putStoppingMark(nats.link, Date.now(), gateway), late])
  } catch (error) {
    const rest =
      stoppingFile === undefined ? '; services that are stopped now leave what they made, as in a restart' : ''
    log.warn({ err: error }, `the mark that the site goes down is not in NATS${rest}`)
  }
}

/** The mark of an earlier stop is over once the console runs again. */
const forgetStop = (nats: NatsSite, { stoppingFile, gateway }: Pick<Settings, 'stoppingFile' | 'gateway'>): void => {
  if (stoppingFile !== undefined) removeStoppingFile(stoppingFile)
  const forget = async (): Promise<void> => {
    if (!nats.link.connected) return
    try {
      await removeStoppingMark(nats.link, gateway)
      done()
    } catch {
      // The bucket does not exist yet, so neither does a mark; or NATS went again, and the next connection tries.
    }
  }
  const done = nats.link.onChange(() => void forget())
  void forget()
}

/** Runs the console's daemon until SIGTERM or SIGINT: keeps the document of SITE_FILE published and reports. */
export const runConsole = async (settings: Settings): Promise<void> => {
  const { url, seedFile, siteFile, writeThrough, stateDir, healthFile, logLevel, confirmMs } = settings
  const { gateway, publishes, replicas } = settings
  const instance = instanceName(gateway)
  let revision = 0
  const where = { service: 'console', instance } as const
  let keepEvent: NatsSite['event'] = () => undefined
  const onHappening = (happening: Happening): void =>
    keepEvent(eventOf(happening, { ...where, revision, atMs: Date.now() }))
  const log = createLogger({ ...where, revision: () => revision, level: logLevel, onHappening })
  mkdirSync(stateDir, { recursive: true })
  const identity = { ...where, gateway, log }
  const nats = openNats({ url, seedFile, ...identity })
  keepEvent = (event) => nats.event(event)
  // One that stands by leaves no mark: the site goes on without it.
  let stop = async (): Promise<void> => await nats.close()
  stopOnSignal(log, async () => await stop())
  await untilActive(stateDir, nats, { ...identity, healthFile })
  const autoFile = autoFileOf(stateDir)
  // Of several gateways one publishes: two files would undo each other for ever.
  let followed: string | undefined
  const lease =
    gateway === undefined || !publishes
      ? undefined
      : new Lease({
          bucket: nats.bus.bucket(BUCKETS.LEASES),
          key: CONSOLE_LEASE,
          instance,
          log,
          onChange: () => publisher.look(),
        })
  const mayPublish = (): boolean => (lease === undefined ? publishes : lease.active)
  const elsewhere = () => (mayPublish() ? undefined : { reason: notHere(lease?.other), document: followed })
  const store = new DocumentStore({ siteFile, writeThrough, autoFile, stateDir, log, elsewhere })
  const counters = new Counters(['documents_published_total', 'documents_invalid_total', 'documents_put_back_total'])
  let mistake: string | undefined
  const onPublished = (standing: Standing): void => {
    revision = standing.revision
    if (standing.isNew) counters.add('documents_published_total')
    log.info(standing.isNew ? 'document published' : 'document stands in NATS already')
    store.published(standing, confirmer.published(standing))
    if (standing.isNew) bring(log, publishedHappening(store.history))
    web.published(standing.revision, standing.text)
    report()
  }
  const publisher = new Publisher(nats, log, {
    replicas,
    mayPublish,
    onPublished,
    onFollowed: (standing) => {
      revision = standing.revision
      followed = standing.text
      log.info('document of another gateway')
      web.published(standing.revision, standing.text)
      report()
    },
  })
  const sweeper = new MarkSweeper(nats.link, log)
  const confirmer = new Confirmer(publisher, {
    link: nats.link,
    log,
    stateDir,
    windowMs: confirmMs,
    onSettled: (settled, outcome, reasons) => {
      store.settled(settled, outcome, reasons)
      if (outcome === 'put-back') counters.add('documents_put_back_total')
      report()
    },
  })
  const web = new WebConsole({
    link: nats.link,
    log,
    stateDir,
    siteFile,
    autoFile,
    gateway,
    store,
    read: async () => await source?.read(),
  })
  const restorer = new Restorer({ siteFile, autoFile, stateDir }, store, (text, document) => {
    mistake = undefined
    store.read(text, document)
    confirmer.want(document)
    confirmer.tryAgain()
    report()
  })
  nats.answer({
    'try-again': () => confirmer.tryAgain(),
    rollback: rollbackQuestion(store, async () => {
      await source?.read()
      // What was put back once is tried again when somebody goes back to it.
      confirmer.tryAgain()
    }),
    restore: restoreQuestion(restorer),
    [LOG_LEVEL_QUESTION]: logLevelQuestion(log),
  })
  const reporter = new Reporter({
    ...identity,
    healthFile,
    counters: () => counters.snapshot(),
    remarks: () => web.remarks,
    send: (status) => nats.report(status),
  })
  const condition = (): Condition =>
    conditionOf({
      revision: publisher.revision,
      mistake,
      reasons: confirmer.reasons,
      failure: publisher.failure,
      elsewhere: lease?.other === undefined ? undefined : notHere(lease.other),
      complaint: nats.link.complaint,
    })
  const report = (): void => reporter.report(condition())
  forgetStop(nats, settings)
  const sink: FileSink = {
    document: ({ document }, text) => {
      mistake = undefined
      log.debug('document read')
      store.read(text, JSON.stringify(document))
      confirmer.want(JSON.stringify(document))
      report()
    },
    mistake: (message) => {
      mistake = message
      counters.add('documents_invalid_total')
      report()
    },
  }
  let source: FileSource | undefined
  const timer = setInterval(report, TICK_MS)
  stop = async () => {
    clearInterval(timer)
    source?.close()
    await markStop(nats, settings, log)
    web.close()
    confirmer.close()
    publisher.close()
    sweeper.close()
    await lease?.release()
    await nats.close()
  }
  await adoptKnownPrefix(nats, autoFile, log)
  // One that follows has no use for its own file.
  if (!publishes) return
  source = new FileSource(siteFile, sink, autoFile)
  await source.read()
}
