/**
 * Cost of the core per query, without sockets: `node services/dns64/src/core/name-server.bench.ts`.
 * Prints nanoseconds of processor time per query for cache hits (as a UDP client with EDNS asks) and for answers of our own.
 */
import { a, soa, table } from '../testkit/records.ts'
import { encodeQuery } from '../testkit/script.ts'
import { CLIENT, VirtualServer } from '../testkit/virtual-server.ts'

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
