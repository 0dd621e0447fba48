/**
 * Cost of the core per query, without sockets: `node services/dns64/src/core/name-server.bench.ts`.
 * Prints nanoseconds of processor time per query for cache hits (as a UDP client with EDNS asks) and for answers of our own;
 * hits as the UDP listener asks for them, one packet at a time, beside what keeping them in the log costs.
 */
import { a, soa, table } from '../testkit/records.ts'
import { encodeQuery } from '../testkit/script.ts'
import { CLIENT, testSite, VirtualServer } from '../testkit/virtual-server.ts'

const NAMES = 1000
const ROUNDS = 300

const script = table(
  Object.fromEntries(
    Array.from({ length: NAMES }, (_, i) => [
      `n${i}.example.net A`,
      { answers: [a(`n${i}.example.net`, '192.0.2.1', 3600)] },
    ]),
  ),
  { authorities: [soa('example.net', 3600, 3600)] },
)

const measure = async (label: string, type: string, nameOf: (i: number) => string): Promise<void> => {
  const server = new VirtualServer({ scripts: script })
  const queries = Array.from({ length: NAMES }, (_, i) => encodeQuery({ name: nameOf(i), type, edns: {} }))
  for (const query of queries) await server.askBytes(query)
  await server.advance(10_000)
  let octets = 0
  const run = (): number => {
    const startNs = process.hrtime.bigint()
    for (let round = 0; round < ROUNDS; round++)
      for (const query of queries) server.handle(query, CLIENT, (bytes) => (octets += bytes.length))
    return Number(process.hrtime.bigint() - startNs) / (ROUNDS * NAMES)
  }
  run()
  const times = [run(), run(), run()].toSorted((x, y) => x - y)
  process.stdout.write(
    `${label}: ${times[1]?.toFixed(0)} ns per query (${octets} octets, ${server.counters.cache_hits_total} hits)\n`,
  )
}

await measure('A from the cache', 'A', (i) => `n${i}.example.net`)
await measure('AAAA made, from the cache', 'AAAA', (i) => `n${i}.example.net`)
await measure('below a denied name', 'A', (i) => `n${i}.x.localhost`)

/** Median of an odd number of rounds, interleaved, so that all settings meet the same machine. */
const measureLog = async (names: number): Promise<void> => {
  const settings = ['off', 'names', 'clients'] as const
  const queries = Array.from({ length: names }, (_, i) =>
    encodeQuery({ name: `n${i}.example.net`, type: 'A', edns: {} }),
  )
  const servers = await Promise.all(
    settings.map(async (queryLog) => {
      const site = testSite({ dns64: { queryLog, prefetch: false, rateLimit: { queriesPerS: 0, burst: 1 } } })
      const server = new VirtualServer({ scripts: script, site })
      for (const query of queries) await server.askBytes(query)
      return { queryLog, server, client: server.clientOf(CLIENT), times: [] as number[] }
    }),
  )
  const out = new Uint8Array(1280)
  for (let round = 0; round < 16; round++)
    for (const { server, client, times } of servers) {
      const startNs = process.hrtime.bigint()
      for (let repeat = 0; repeat < (ROUNDS * NAMES) / names; repeat++)
        for (const query of queries) if (server.hitInto(query, client, out) === 0) throw new Error('no hit')
      // The first round warms up.
      if (round > 0) times.push(Number(process.hrtime.bigint() - startNs) / (ROUNDS * NAMES))
    }
  for (const { queryLog, times } of servers)
    process.stdout.write(
      `hit, ${names} names, queryLog: ${queryLog}: ${times.toSorted((x, y) => x - y)[7]?.toFixed(0)} ns per query\n`,
    )
}

await measureLog(100)
// More than the counters of names have room for: every query displaces another name.
await measureLog(NAMES)
