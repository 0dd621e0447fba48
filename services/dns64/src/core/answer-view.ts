import { type Answer, Origin } from './answer.ts'
import { MAX_MESSAGE, RECORD } from './wire.ts'

/** An answer to be written into a reply, wherever its octets are. One record is filled again and again. */
export interface AnswerView {
  bytes: Uint8Array
  /** Where in `bytes` the message starts; all other offsets are from there. */
  at: number
  length: number
  questionEnd: number
  answerEnd: number
  authorityEnd: number
  rcode: number
  authentic: boolean
  extendedError: number | undefined
  origin: Origin
  /** Who gave what it is, or is made of. */
  upstream: string | undefined
  /** Offsets of the TTL fields: the first `ttlCount`. */
  readonly ttlAt: Uint16Array
  ttlCount: number
}

/** A record has a name of at least one octet. */
const MAX_RECORDS = Math.ceil(MAX_MESSAGE / (1 + RECORD.LEN))

/** An empty record. */
export const newAnswerView = (): AnswerView => ({
  bytes: new Uint8Array(),
  at: 0,
  length: 0,
  questionEnd: 0,
  answerEnd: 0,
  authorityEnd: 0,
  rcode: 0,
  authentic: false,
  extendedError: undefined,
  origin: Origin.UPSTREAM,
  upstream: undefined,
  ttlAt: new Uint16Array(MAX_RECORDS),
  ttlCount: 0,
})

/** Fills `view` with an answer that is not of the cache. */
export const viewAnswer = (answer: Answer, view: AnswerView): AnswerView => {
  view.bytes = answer.bytes
  view.at = 0
  view.length = answer.bytes.length
  view.questionEnd = answer.questionEnd
  view.answerEnd = answer.answerEnd
  view.authorityEnd = answer.authorityEnd
  view.rcode = answer.rcode
  view.authentic = answer.authentic
  view.extendedError = answer.extendedError
  view.origin = answer.origin
  view.upstream = answer.upstream
  view.ttlCount = answer.ttlAt.length
  for (let i = 0; i < answer.ttlAt.length; i++) view.ttlAt[i] = answer.ttlAt[i] ?? 0
  return view
}
