import { parseIp4 } from '@sixgate/addr'

/** Where one side of a call wants a stream. */
export interface MediaEnd {
  /** Signed 32-bit. */
  readonly ip4: number
  readonly rtp: number
  /** `undefined`: it comes on the same port (RFC 5761). */
  readonly rtcp: number | undefined
}

/** UDP from a host's media port to that of the other side. */
export interface MediaPath {
  readonly sourcePort: number
  readonly ip4: number
  readonly port: number
}

/** Calls that are remembered, those spoken of last. */
export const MAX_CALLS = 4096
const MAX_CALL_ID_CHARS = 256
/** Streams of a call that get a path: sound and picture, each once more. */
const MAX_STREAMS = 4

/** Header fields are over at the first empty line. */
const CALL_ID = /\r\n(?:call-id|i)[ \t]*:[ \t]*(\S+)[ \t]*\r\n/i

/** RFC 3261 §8.1.1.4: what a call is known by, on both sides; `undefined`: the message does not say, or too much. */
export const callIdOf = (head: string): string | undefined => {
  const [, id = ''] = CALL_ID.exec(head) ?? []
  return id === '' || id.length > MAX_CALL_ID_CHARS ? undefined : id
}

/**
 * The streams of a session description in IPv4 (RFC 8866 §5.7, §5.14, RFC 3605), in its order; `undefined` in the place of one that
 * is refused (port 0) or not UDP. Empty: there is no description in `body`.
 */
export const mediaEndsIn = (body: string): readonly (MediaEnd | undefined)[] => {
  const [session = '', ...media] = body.split(/^m=/m)
  const common = addressIn(session)
  return media.slice(0, MAX_STREAMS).map((text) => {
    const [, port, protocol = ''] = /^\S+ (\d{1,5})(?:\/\d+)? (\S+)/.exec(text) ?? []
    const rtp = Number(port ?? 0)
    const ip4 = addressIn(text) ?? common
    // RFC 8866 §8.2.2, and T.38 (RFC 7345 §4): TCP streams are opened by TCP itself.
    if (ip4 === undefined || rtp === 0 || rtp > 65_534 || !/RTP\/|^udp/i.test(protocol) || /^TCP/i.test(protocol))
      return undefined
    if (/^a=rtcp-mux\b/m.test(text)) return { ip4, rtp, rtcp: undefined }
    const [, rtcp] = /^a=rtcp:(\d{1,5})\b/m.exec(text) ?? []
    return { ip4, rtp, rtcp: rtcp === undefined || Number(rtcp) > 65_535 ? rtp + 1 : Number(rtcp) }
  })
}

const addressIn = (text: string): number | undefined => {
  const [, address] = /^c=IN IP4 (\d{1,3}(?:\.\d{1,3}){3})(?=[/\s]|$)/m.exec(text) ?? []
  const ip4 = address === undefined ? undefined : parseIp4(address)
  return ip4 === undefined || ip4 === 0 ? undefined : ip4 | 0
}

type Ends = readonly (MediaEnd | undefined)[]

/**
 * Which ports media of calls will use, as offer and answer say (RFC 3264). Where nothing else lets media in (a NAT that does not
 * read SIP), the host's side has to send first; a path says what to send.
 */
export class MediaPaths {
  readonly #calls = new Map<string, { local: Ends; remote: Ends }>()

  /** Remembers the streams of one side of a call of `host` and returns the paths that are known by that. */
  note(host: number, callId: string, side: 'local' | 'remote', ends: Ends): readonly MediaPath[] {
    const key = `${host} ${callId}`
    const call = this.#calls.get(key) ?? { local: [], remote: [] }
    call[side] = ends
    this.#calls.delete(key)
    this.#calls.set(key, call)
    for (const oldest of this.#calls.keys()) {
      if (this.#calls.size <= MAX_CALLS) break
      this.#calls.delete(oldest)
    }
    return call.local.flatMap((local, index) => pathsBetween(local, call.remote[index]))
  }

  get size(): number {
    return this.#calls.size
  }
}

const pathsBetween = (local: MediaEnd | undefined, remote: MediaEnd | undefined): readonly MediaPath[] => {
  if (local === undefined || remote === undefined) return []
  const media = { sourcePort: local.rtp, ip4: remote.ip4, port: remote.rtp }
  if (local.rtcp === undefined || remote.rtcp === undefined) return [media]
  return [media, { sourcePort: local.rtcp, ip4: remote.ip4, port: remote.rtcp }]
}
