import type { Random } from '@sixgate/testkit'
import { readMessage } from '../core/message.ts'
import { a, aaaa, cname, dname, ns, ptr, rrsig, soa } from '../testkit/records.ts'
import { encodeQuery, encodeResponse, type QuerySpec, type ScriptAnswer } from '../testkit/script.ts'
import { CLIENT, testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { mutate } from './mutate.ts'

const REVERSE = '1.2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa'

const QUERIES: readonly QuerySpec[] = [
  { name: 'www.example.net', type: 'AAAA', edns: {} },
  { name: 'www.example.net', type: 'AAAA', edns: { dnssecOk: true } },
  { name: 'www.example.net', type: 'A' },
  { name: REVERSE, type: 'PTR' },
  { name: 'nas.home.arpa', type: 'AAAA' },
  { name: 'alias.home.arpa', type: 'AAAA' },
  { name: 'ipv4only.arpa', type: 'AAAA' },
  { name: 'www.example.net', type: 'ANY' },
]

const N = 'www.example.net'
const ANSWERS: readonly ScriptAnswer[] = [
  { answers: [a(N, '192.0.2.1'), a(N, '192.0.2.2')], additionals: [a('ns.example.net', '192.0.2.9')] },
  { answers: [aaaa(N, '2001:db8::1')], authorities: [ns('example.net', 'ns.example.net')] },
  { answers: [cname(N, 'x.example.net'), a('x.example.net', '192.0.2.1')] },
  { answers: [dname('example.net', 'example.org'), cname(N, 'www.example.org'), a('www.example.org', '192.0.2.1')] },
  { authorities: [soa('example.net'), rrsig('example.net', 'SOA')] },
  { answers: [ptr('33.2.0.192.in-addr.arpa', N)] },
  { rcode: 3, authorities: [soa('example.net')] },
  { rcode: 2 },
  { truncated: true, answers: [a(N, '192.0.2.1')] },
]

/** The name server with every rule in the document, and an upstream that sends broken answers. */
const newServer = (random: Random): VirtualServer =>
  new VirtualServer({
    site: testSite({
      pref64: ['64:ff9b::/96', '2001:db8::/40'],
      dns64: {
        prefixes: [{ pref64: '64:ff9b::/96', mapped: ['!192.0.2.2/32', '0.0.0.0/0'], exclude: ['2001:db8::/33'] }],
        domains: [{ name: 'x.example.net', synthesis: 'always' }],
        records: [
          { name: 'nas.home.arpa', type: 'A', data: '192.168.1.9' },
          { name: 'alias.home.arpa', type: 'CNAME', data: N },
        ],
        rateLimit: { queriesPerS: 0 },
        cacheMaxEntries: 50,
      },
    }),
    scripts: ({ query }) => ({ bytesAfterId: mutate(goodAnswer(query, random), random).subarray(2) }),
  })

const goodAnswer = (query: Uint8Array, random: Random): Uint8Array => {
  try {
    return encodeResponse(query, random.pick(ANSWERS))
  } catch {
    // dns-packet cannot write every name that it can read; the query itself made a response will do.
    return query.map((octet, at) => (at === 2 ? octet | 0x80 : octet))
  }
}

/** What a run did. */
export interface FuzzReport {
  readonly packets: number
  readonly replies: number
  /** Seed-independent descriptions of what went wrong, with the packet in hex. */
  readonly findings: readonly string[]
  /** The longest time that one packet took, its upstream answers included, in milliseconds. */
  readonly slowestMs: number
}

const complaintAbout = (packet: Uint8Array, reply: Uint8Array): string | undefined => {
  try {
    const message = readMessage(reply)
    if (message.id !== ((packet[0] ?? 0) << 8) + (packet[1] ?? 0)) return 'the reply has another id'
    if ((message.flags & 0x8000) === 0) return 'the reply is no response'
    if (reply.length > 1232) return `the reply over UDP has ${reply.length} octets`
    return undefined
  } catch (error) {
    return `the reply is malformed: ${String(error)}`
  }
}

/** Sends mutated queries, whose upstreams give mutated answers, until `isOver`; a new server every 500 packets. */
export const fuzz = async (random: Random, isOver: (packets: number) => boolean): Promise<FuzzReport> => {
  const findings: string[] = []
  let [packets, replies, slowestMs] = [0, 0, 0]
  let server = newServer(random)
  while (!isOver(packets) && findings.length < 10) {
    if (packets % 500 === 499) server = newServer(random)
    const good = encodeQuery({ ...random.pick(QUERIES), id: random.below(65536) })
    const packet = random.below(4) === 0 ? good : mutate(good, random)
    const startedMs = performance.now()
    const box = server.send(packet, 'udp', CLIENT)
    await server.advance(random.pick([1, 1000, 5000]))
    slowestMs = Math.max(slowestMs, performance.now() - startedMs)
    packets++
    const note = (what: string): unknown => findings.push(`${what}: ${Buffer.from(packet).toString('hex')}`)
    for (const defect of server.defects.splice(0)) note(defect instanceof Error ? (defect.stack ?? '') : String(defect))
    if (box.reply === undefined) continue
    replies++
    const complaint = complaintAbout(packet, box.reply)
    if (complaint !== undefined) note(complaint)
  }
  return { packets, replies, findings, slowestMs }
}
