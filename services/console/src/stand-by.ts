import { setTimeout as pause } from 'node:timers/promises'
import {
  BUCKETS,
  DOCUMENT_KEY,
  KvBucket,
  LOG_LEVEL_QUESTION,
  logLevelQuestion,
  type NatsSite,
  QuestionRefused,
  Reporter,
  type ReporterOptions,
} from '@sixgate/bus'
import { tell } from '@sixgate/obs'
import { conditionOf } from './core/condition.ts'
import { STANDS_BY } from './io/ask-console.ts'
import { Seat } from './io/seat.ts'

const LOOK_MS = 1000
/**
 * The console before this one ended: alone, or because all of the site goes down, and then this one will be told to stop, too. Until then it
 * leaves the mark of the stop where it is.
 */
const SETTLE_MS = 2000

const REMARK = `${STANDS_BY}; it takes over when that one ends`

const refuse = (): never => {
  throw new QuestionRefused(`this console ${STANDS_BY}`)
}

/**
 * Several consoles with one STATE_DIR would write over each other's history, password and edits, and each would put documents back: one is
 * active, the others report and wait here until they are.
 */
export const untilActive = async (
  stateDir: string,
  nats: NatsSite,
  options: Pick<ReporterOptions, 'service' | 'instance' | 'log' | 'healthFile'>,
): Promise<void> => {
  const { log } = options
  const seat = new Seat(stateDir)
  const isFree = (): boolean => {
    try {
      return seat.take()
    } catch (error) {
      // A full or read-only disk: the rest of the console says so where it matters.
      log.warn({ err: error }, 'STATE_DIR cannot be locked: a second console of this machine would not notice this one')
      return true
    }
  }
  if (isFree()) return
  let revision = 0
  const unwatch = new KvBucket(nats.link, BUCKETS.SITE).watch((entry) => {
    if (entry.key === DOCUMENT_KEY && entry.operation === 'put') revision = entry.revision
  })
  const reporter = new Reporter({
    ...options,
    counters: () => ({}),
    remarks: () => [REMARK],
    send: (status) => nats.report(status),
  })
  nats.answer({
    'try-again': refuse,
    rollback: refuse,
    restore: refuse,
    [LOG_LEVEL_QUESTION]: logLevelQuestion(log),
  })
  log.info(REMARK)
  const report = (): void => {
    const { complaint } = nats.link
    reporter.report(conditionOf({ revision, mistake: undefined, reasons: [], failure: undefined, complaint }))
  }
  report()
  while (!isFree()) {
    await pause(LOOK_MS)
    report()
  }
  await pause(SETTLE_MS)
  unwatch()
  tell(log, { kind: 'takeover', message: 'the console before this one has ended; this one is active now' })
}
