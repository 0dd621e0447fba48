/** The part of the contract that is names, types and values: what a pure core may import, as `@sixgate/bus/names`. */
export {
  apiPrefixOf,
  BUCKET_SHAPES,
  BUCKETS,
  type BucketName,
  type BucketShape,
  DOCUMENT_KEY,
  inboxPrefixOf,
  isStoppingKey,
  leaseKeyOf,
  STATUS_TTL_MS,
  STOPPING_KEY,
  stoppingKeyOf,
} from './buckets.ts'
export {
  type Bucket,
  type BucketEntry,
  type Bus,
  type Problem,
  SERVICE_NAMES,
  type Service,
  type ServiceContext,
  type ServiceName,
  type SiteSnapshot,
  type StopIntent,
  type WatchSync,
} from './contract.ts'
export { EVENTS_KEPT, EVENTS_STREAM, eventOf, eventSubject, eventText, parseEvent, type SiteEvent } from './event.ts'
export { LOG_LEVEL_QUESTION, type LogLevelAnswer } from './log-level-question.ts'
export {
  type Answer,
  type Question,
  QuestionRefused,
  type Questions,
  questionSubject,
  WrongQuestion,
} from './questions.ts'
export type { Condition, ServiceState } from './applier.ts'
export type { Status } from './status.ts'
