import { NLM_F, NLMSG } from './constants.ts'
import { NetlinkError, refusalError } from './error.ts'
import { decodeMessages, decodeRefusal, type Message } from './message.ts'

/** The answers to one request, as they come in. Pure: the socket feeds it with datagrams. */
export class Exchange {
  readonly #seq: number
  readonly #attempt: string
  readonly #messages: Message[] = []
  #intact = true

  constructor(seq: number, attempt: string) {
    this.#seq = seq
    this.#attempt = attempt
  }

  /** All messages of the answer, without the acknowledgement; their bodies are copies. */
  get messages(): readonly Message[] {
    return this.#messages
  }

  /** False when the kernel said that the table changed while it was dumped (NLM_F_DUMP_INTR). */
  get intact(): boolean {
    return this.#intact
  }

  /** Takes one datagram; true when the answer is complete. Throws `NetlinkError` for a refusal and for bytes that are no answer. */
  feed(datagram: DataView): boolean {
    for (const message of decodeMessages(datagram)) {
      // An answer to an earlier request that was given up on.
      if (message.seq !== this.#seq) continue
      if ((message.flags & NLM_F.DUMP_INTR) !== 0) this.#intact = false
      if (message.type === NLMSG.ERROR || message.type === NLMSG.DONE) {
        const refusal = decodeRefusal(message)
        if (refusal !== undefined) throw refusalError(this.#attempt, refusal)
        return true
      }
      if (message.type !== NLMSG.NOOP) this.#messages.push(copyOf(message))
    }
    return false
  }
}

const copyOf = (message: Message): Message => {
  const { body } = message
  const copy = body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength)
  return { ...message, body: new DataView(copy) }
}

/** A table that changes during each of so many dumps is changing without end. */
const MAX_DUMP_ATTEMPTS = 10

/**
 * Dumps until one comes through undisturbed: an interrupted one may lack rows or have them twice. Throws `NetlinkError`
 * (interrupted) after 10 of them.
 */
export const dumpIntact = (
  dumpOnce: () => { readonly messages: readonly Message[]; readonly intact: boolean },
  attempt: string,
): readonly Message[] => {
  for (let turn = 0; turn < MAX_DUMP_ATTEMPTS; turn++) {
    const { messages, intact } = dumpOnce()
    if (intact) return messages
  }
  throw new NetlinkError('interrupted', `${attempt}: the table changed during each of ${MAX_DUMP_ATTEMPTS} dumps`)
}
