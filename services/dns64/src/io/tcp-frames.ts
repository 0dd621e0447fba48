import { copyOf, u16 } from '../core/wire.ts'

/** RFC 1035 §4.2.2: two octets of length, then the message. */
const PREFIX = 2

/** A message with its length in front, a new array. */
export const framed = (message: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(PREFIX + message.length)
  frame[0] = message.length >>> 8
  frame[1] = message.length
  frame.set(message, PREFIX)
  return frame
}

/** Cuts a stream of octets into messages. Holds at most one unfinished message (65537 octets) and the last chunk. */
export class FrameReader {
  #held: Uint8Array = new Uint8Array()

  /** True when a message has begun and not ended. */
  get isPartial(): boolean {
    return this.#held.length > 0
  }

  /** Takes the next octets and calls `onMessage` for every message that is now complete. */
  push(chunk: Uint8Array, onMessage: (message: Uint8Array) => void): void {
    let bytes = chunk
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length)
      bytes.set(this.#held)
      bytes.set(chunk, this.#held.length)
    }
    let at = 0
    while (bytes.length - at >= PREFIX) {
      const end = at + PREFIX + u16(bytes, at)
      if (end > bytes.length) break
      onMessage(bytes.subarray(at + PREFIX, end))
      at = end
    }
    this.#held = at === bytes.length ? new Uint8Array() : copyOf(bytes.subarray(at))
  }
}
