/**
 * Cost of the core per miss, without sockets: `node services/dns64/src/core/miss.bench.ts [AAAA|A]`. Upstream answers are
 * written once and given back at once, id and letters as asked. Prints microseconds of a question from packet to reply.
 */
import { aaaa, a, soa } from '../testkit/records.ts'
import { encodeQuery, encodeResponse, type ScriptAnswer } from '../testkit/script.ts'
import { CLIENT, testSite } from '../testkit/virtual-server.ts'
import { newCounters } from './counters.ts'
import type { Exchange } from './forwarder.ts'
import { NameServer } from './name-server.ts'
import { makePolicy } from './policy.ts'
import { Resolver } from './resolver.ts'
import { UpstreamPool } from './upstreams.ts'

const COUNT = 20_000
const NAME = 'n000000000.v4.example.net'
const answers: Record<string, ScriptAnswer> = {
  'made AAAA': { authorities: [soa('example.net')] },
  'made A': { answers: [a(NAME, '192.0.2.1')] },
  'native AAAA': { answers: [aaaa(NAME, '2001:db8::1')] },
  'native A': { answers: [a(NAME, '192.0.2.1')] },
}

const measure = async (kind: 'made' | 'native', type: 'A' | 'AAAA'): Promise<void> => {
  const ready = Object.fromEntries(
    (['A', 'AAAA'] as const).map((t) => [
      t === 'A' ? 1 : 28,
      encodeResponse(encodeQuery({ name: NAME, type: t, edns: {} }), answers[`${kind} ${t}`] ?? {}),
    ]),
  )
  const counters = newCounters()
  const respond = (_upstream: unknown, query: Uint8Array): Exchange => {
    const template = ready[query[12 + NAME.length + 3] ?? 0] ?? Buffer.alloc(0)
    const bytes = new Uint8Array(template)
    bytes.set(query.subarray(0, 2))
    bytes.set(query.subarray(12, 12 + NAME.length + 2), 12)
    return { result: Promise.resolve({ kind: 'response', bytes }), cancel: () => {} }
  }
  const timers = { next: 0 }
  const resolver = new Resolver(
    {
      udp: respond,
      connection: respond,
      randomBits: () => 0,
      randomId: () => timers.next++ & 0xffff,
      nowMs: () => 1_000_000,
      after: () => () => {},
      onDefect: (error) => {
        throw error
      },
    },
    counters,
    {
      policy: makePolicy(testSite({ dns64: { rateLimit: { queriesPerS: 0 } } }), {
        hasIp6Uplink: true,
        hasPrivateUpstream: false,
      }),
      upstreams: new UpstreamPool([{ address: '192.0.2.53', port: 53 }]),
      forwards: new Map(),
    },
  )
  const server = new NameServer(resolver, counters, (error) => {
    throw error
  })
  const packet = encodeQuery({ name: NAME, type, edns: {} })
  let replies = 0
  let serial = 0
  const run = async (): Promise<number> => {
    const before = process.cpuUsage()
    for (let i = 0; i < COUNT; i += 32) {
      for (let j = 0; j < 32; j++) {
        packet.write(String(serial++).padStart(9, '0'), 14, 'latin1')
        server.handle(packet, CLIENT, 'udp', () => replies++)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    // Processor time, not the clock's: other programs do not count.
    const { user, system } = process.cpuUsage(before)
    return (user + system) / COUNT
  }
  await run()
  const times = [await run(), await run(), await run()].toSorted((x, y) => x - y)
  process.stdout.write(`${kind} ${type}: ${times[1]?.toFixed(1)} µs per miss (${replies} replies)\n`)
}

for (const kind of ['made', 'native'] as const) await measure(kind, 'AAAA')
await measure('made', 'A')
