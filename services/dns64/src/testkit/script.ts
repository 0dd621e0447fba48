import * as dnsPacket from 'dns-packet'

/** A record as dns-packet takes it: `{ name, type, ttl, data }`. */
export type ScriptRecord = dnsPacket.Answer

/** What a scripted server is asked. */
export interface Asked {
  /** Its octets. */
  readonly query: Uint8Array
  readonly id: number
  readonly name: string
  /** The name as it was written. */
  readonly letters: string
  readonly type: string
  readonly class: string
  readonly transport: 'udp' | 'tcp'
  readonly edns: boolean
  readonly dnssecOk: boolean
  readonly checkingDisabled: boolean
  readonly recursionDesired: boolean
}

/** A response of the script. */
export interface ScriptAnswer {
  /** 0 unless given. */
  readonly rcode?: number
  readonly answers?: readonly ScriptRecord[]
  readonly authorities?: readonly ScriptRecord[]
  readonly additionals?: readonly ScriptRecord[]
  readonly truncated?: boolean
  readonly authenticData?: boolean
  readonly authoritative?: boolean
  /** The question comes back in lower case. */
  readonly lowered?: boolean
  /** Answer with an OPT record when the query had one; true unless given. */
  readonly edns?: boolean
  /** Milliseconds until it is sent. */
  readonly afterMs?: number
  /** On real sockets: not sent before this has resolved. */
  readonly behind?: Promise<void>
  /** Sent before the answer: what a forger or a broken server might send. */
  readonly decoys?: readonly Decoy[]
}

/** Packets that must not be taken for the answer. */
export type Decoy = 'wrong-id' | 'wrong-question' | 'query' | 'short' | 'noise'

/** What a scripted server does: answer, say nothing, or send these bytes with the query's id put in front. */
export type Outcome = ScriptAnswer | 'silence' | { readonly bytesAfterId: Uint8Array }

/** Decides for every query. */
export type Script = (asked: Asked) => Outcome

const CLASS_NUMBER: Readonly<Record<string, number>> = { IN: 1, CS: 2, CH: 3, HS: 4, ANY: 255 }

/** Reads a query with dns-packet, the second opinion on our own codec. */
export const readAsked = (query: Uint8Array, transport: 'udp' | 'tcp'): Asked => {
  const decoded = dnsPacket.decode(Buffer.from(query))
  const question = decoded.questions?.[0]
  if (question === undefined) throw new Error('a scripted server needs a question')
  const opt = decoded.additionals?.find((record) => record.type === 'OPT')
  const flags = Buffer.from(query).readUInt16BE(2)
  return {
    query,
    id: decoded.id ?? 0,
    // Upstreams compare names without case (RFC 4343), and so do scripts.
    name: question.name.toLowerCase(),
    letters: question.name,
    type: question.type,
    class: question.class ?? 'IN',
    transport,
    edns: opt !== undefined,
    dnssecOk: opt?.type === 'OPT' && (opt.flags & 0x8000) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
  }
}

const FLAGS = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020 } as const

/** The wire form of a response to `query`. */
export const encodeResponse = (query: Uint8Array, answer: ScriptAnswer): Buffer => {
  const decoded = dnsPacket.decode(Buffer.from(query))
  const hasOpt = decoded.additionals?.some((record) => record.type === 'OPT') === true && answer.edns !== false
  const rcode = answer.rcode ?? 0
  const flags =
    FLAGS.RD |
    FLAGS.RA |
    (answer.truncated === true ? FLAGS.TC : 0) |
    (answer.authenticData === true ? FLAGS.AD : 0) |
    (answer.authoritative === true ? FLAGS.AA : 0)
  const opt = {
    name: '.',
    type: 'OPT',
    udpPayloadSize: 1232,
    extendedRcode: rcode >>> 4,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as unknown as ScriptRecord
  const bytes = dnsPacket.encode({
    type: 'response',
    id: decoded.id ?? 0,
    flags,
    questions: (decoded.questions ?? []).map((question) =>
      answer.lowered === true ? { ...question, name: question.name.toLowerCase() } : question,
    ),
    answers: [...(answer.answers ?? [])],
    authorities: [...(answer.authorities ?? [])],
    additionals: [...(answer.additionals ?? []), ...(hasOpt ? [opt] : [])],
  })
  bytes[3] = ((bytes[3] ?? 0) & 0xf0) | (rcode & 15)
  return bytes
}

const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

const DECOYS: Record<Decoy, (query: Uint8Array, answer: Buffer) => Buffer> = {
  'wrong-id': (_query, answer) => changed(answer, (b) => b.writeUInt16BE((b.readUInt16BE(0) + 1) & 0xffff, 0)),
  // Another letter in the first label.
  'wrong-question': (_query, answer) => changed(answer, (b) => b.writeUInt8(b[13] === 0x7a ? 0x79 : 0x7a, 13)),
  query: (query) => Buffer.from(query),
  short: (_query, answer) => answer.subarray(0, 7),
  noise: () => Buffer.alloc(60, 0xa5),
}

/** A packet of a scripted server and when it leaves. */
export interface Sent {
  readonly afterMs: number
  readonly behind?: Promise<void>
  readonly bytes: Buffer
}

/** Every packet that the script sends for a query, in order. */
export const packetsFor = (query: Uint8Array, transport: 'udp' | 'tcp', script: Script): Sent[] => {
  const outcome = script(readAsked(query, transport))
  if (outcome === 'silence') return []
  if ('bytesAfterId' in outcome)
    return [{ afterMs: 0, bytes: Buffer.concat([query.subarray(0, 2), outcome.bytesAfterId]) }]
  const answer = encodeResponse(query, outcome)
  const when = { afterMs: outcome.afterMs ?? 0, ...(outcome.behind === undefined ? {} : { behind: outcome.behind }) }
  return [
    ...(outcome.decoys ?? []).map((decoy) => ({ ...when, bytes: DECOYS[decoy](query, answer) })),
    { ...when, bytes: answer },
  ]
}

/** A query as a stub resolver sends it. */
export interface QuerySpec {
  readonly name: string
  /** A name that dns-packet knows, or `TYPE64`. */
  readonly type: string
  readonly class?: string
  readonly id?: number
  readonly recursionDesired?: boolean
  readonly checkingDisabled?: boolean
  readonly authenticData?: boolean
  /** With an OPT record of this size. */
  readonly edns?: { readonly size?: number; readonly dnssecOk?: boolean; readonly version?: number }
}

/** The wire form of a query. */
export const encodeQuery = (spec: QuerySpec): Buffer => {
  const opt = {
    name: '.',
    type: 'OPT',
    udpPayloadSize: spec.edns?.size ?? 1232,
    extendedRcode: 0,
    ednsVersion: spec.edns?.version ?? 0,
    flags: spec.edns?.dnssecOk === true ? 0x8000 : 0,
    flag_do: spec.edns?.dnssecOk === true,
    options: [],
  } as unknown as ScriptRecord
  const number = /^TYPE(\d+)$/.exec(spec.type)?.[1]
  const bytes = dnsPacket.encode({
    type: 'query',
    id: spec.id ?? 0x1234,
    flags:
      (spec.recursionDesired === false ? 0 : FLAGS.RD) |
      (spec.authenticData === true ? FLAGS.AD : 0) |
      (spec.checkingDisabled === true ? 0x10 : 0),
    questions: [{ name: spec.name, type: (number === undefined ? spec.type : 'A') as dnsPacket.Question['type'] }],
    additionals: spec.edns === undefined ? [] : [opt],
  })
  const nameEnd = 12 + spec.name.length + 2
  if (number !== undefined) bytes.writeUInt16BE(Number(number), nameEnd)
  if (spec.class !== undefined) bytes.writeUInt16BE(CLASS_NUMBER[spec.class] ?? Number(spec.class), nameEnd + 2)
  return bytes
}
