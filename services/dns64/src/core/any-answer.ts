import { type Answer, answerOfBytes, Origin } from './answer.ts'
import { nameOfKey } from './name.ts'
import type { Question } from './question.ts'
import { Section } from './record.ts'
import { RCODE, TYPE } from './wire.ts'
import { writeMessage } from './writer.ts'

const TTL_S = 3600
/** RFC 8482 §4.2: HINFO with "RFC8482" as its CPU and nothing as its OS. */
const RDATA = Uint8Array.of(7, ...Buffer.from('RFC8482', 'latin1'), 0)

/**
 * The answer to a question for type ANY: one small HINFO record, whatever the name (RFC 8482 §4.2). Nothing useful asks
 * for ANY; whole answers to it are what amplification attacks are made of, and a DNS64 could not map half of them.
 */
export const minimalAny = (question: Question): Answer =>
  answerOfBytes(
    writeMessage(question, RCODE.NOERROR, (writer) =>
      writer.record(Section.ANSWER, nameOfKey(question.nameKey), TYPE.HINFO, question.class, {
        ttlS: TTL_S,
        rdata: RDATA,
      }),
    ),
    { origin: Origin.LOCAL },
  )
