import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Counters, newCounters } from './core/counters.ts'
import { keyOfText } from './core/name.ts'
import { NameServer } from './core/name-server.ts'
import { ALL_RULES, LOOPBACK6, type Policy } from './core/policy.ts'
import { makeQuestion } from './core/question.ts'
import { Resolver, type ResolverPorts } from './core/resolver.ts'
import { encodeUpstreamQuery } from './core/upstream-query.ts'
import { UpstreamPool } from './core/upstreams.ts'
import { CLASS, EDNS_UDP_SIZE, FLAG, HEADER, putU16, TYPE, u16 } from './core/wire.ts'
import { randomBits32, randomId16 } from './io/random-id.ts'
import { UpstreamSockets } from './io/upstream-sockets.ts'

/** Questions under way at one time; each answer is asked for again so often; so often all of it, when there is time. */
const BATCH = 16
const HITS = 8
const ROUNDS = 100
const CLIENT = '::1'
const UPSTREAM = '127.0.0.1'
/** Records of the name at the start of the question: owner (a pointer), type, class, TTL, RDLENGTH, RDATA. */
const A_RECORD = Buffer.from('c00c 0001 0001 00000e10 0004 c0000221'.replaceAll(' ', ''), 'hex')
const SOA_RECORD = Buffer.from(
  'c00c 0006 0001 00000384 0016 00 00 00000001 00000e10 00000258 00015180 00000384'.replaceAll(' ', ''),
  'hex',
)

/** What a name server says that has an A record of every name, and nothing else. */
const respond = (query: Buffer): Buffer => {
  const questionEnd = query.indexOf(0, HEADER.LEN) + 5
  const isA = u16(query, questionEnd - 4) === TYPE.A
  const bytes = Buffer.concat([query.subarray(0, questionEnd), isA ? A_RECORD : SOA_RECORD])
  putU16(bytes, HEADER.FLAGS, FLAG.QR | FLAG.RD | FLAG.RA)
  putU16(bytes, HEADER.ANCOUNT, isA ? 1 : 0)
  putU16(bytes, HEADER.NSCOUNT, isA ? 0 : 1)
  putU16(bytes, HEADER.ARCOUNT, 0)
  return bytes
}

const startUpstream = async (): Promise<{ socket: Socket; port: number }> => {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => socket.send(respond(query), from.port, from.address, () => {}))
  socket.bind(0, UPSTREAM)
  await once(socket, 'listening')
  return { socket, port: socket.address().port }
}

/** What a stub resolver asks. */
const queryFor = (serial: number): Buffer => {
  const type = serial % 4 === 0 ? TYPE.A : TYPE.AAAA
  const facets = { dnssecOk: false, checkingDisabled: false, view: ALL_RULES }
  const question = makeQuestion(keyOfText(`n${serial}.warm-up.example`), type, CLASS.IN, facets)
  return Buffer.from(encodeUpstreamQuery(question, { id: randomId16(), edns: true, caseBits: 0, padded: false }))
}

/** The policy, for a client that may ask as much as it likes and gets every prefix. */
const openTo = (policy: Policy): Policy => ({
  ...policy,
  clients: [LOOPBACK6],
  queriesPerS: 0,
  rules: policy.rules.map((rule) => ({ ...rule, clients: undefined })),
})

/**
 * Answers made-up questions, for `budgetMs` at most, by a name server and an upstream that nobody else knows and that are
 * gone afterwards: so what every query runs through is compiled when the first client asks. Returns what was counted.
 * Rejects where no socket can be opened.
 */
export const warmUp = async (policy: Policy, budgetMs: number): Promise<Counters> => {
  const { socket, port } = await startUpstream()
  const sockets = new UpstreamSockets(() => {})
  try {
    const nowMs = (): number => performance.now() + 1
    const counters = newCounters()
    const onDefect = (): void => {
      counters.defects_total++
    }
    const ports: ResolverPorts = {
      udp: (upstream, query) => sockets.ask(upstream, query, nowMs()),
      connection: (upstream, query) => sockets.ask(upstream, query, nowMs()),
      randomId: randomId16,
      randomBits: randomBits32,
      nowMs,
      after: (ms, run) => {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
      onDefect,
    }
    const upstreams = new UpstreamPool([{ address: UPSTREAM, port }])
    const resolver = new Resolver(ports, counters, { policy: openTo(policy), upstreams, forwards: new Map() })
    const server = new NameServer(resolver, counters, onDefect)
    server.queryLog.keep(policy.queryLog, nowMs())
    const client = server.clientOf(CLIENT)
    const out = Buffer.alloc(EDNS_UDP_SIZE + 48)
    const ask = (packet: Buffer): Promise<void> =>
      new Promise((resolve) => server.handle(packet, client, 'udp', () => resolve()))
    const endMs = nowMs() + budgetMs
    let serial = 0
    for (let round = 0; round === 0 || (round < ROUNDS && nowMs() < endMs); round++) {
      const packets = Array.from({ length: BATCH }, () => queryFor(serial++))
      await Promise.all(packets.map(ask))
      for (let i = 0; i < HITS; i++) {
        server.beginBatch()
        for (const packet of packets) server.hit(packet, packet.length, client, out)
      }
    }
    return counters
  } finally {
    sockets.close()
    socket.close()
  }
}
