import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, test } from 'node:test'
import { createLogger } from '@sixgate/obs'
import { enterNamespace } from '@sixgate/testkit'
import { Dns64 } from './service.ts'
import { endAll } from './testkit/endings.ts'
import { readResponse } from './testkit/reading.ts'
import { a } from './testkit/records.ts'
import { encodeQuery } from './testkit/script.ts'
import { startUpstream } from './testkit/scripted-upstream.ts'
import { testSite } from './testkit/virtual-server.ts'

/* One socket ── lo, port 53 ── Dns64 ── lo ── scripted upstream, all in this process: what is sent in one go is read in one. */
const skip = enterNamespace()
const endings: (() => unknown)[] = []
afterEach(() => endAll(endings.splice(0)))

const QUESTIONS = 150
const HOT = 'hot.example.net'
const nameOf = (id: number, every: number): string => (id % every === 0 ? HOT : `n${id}.example.net`)

test('hits and misses that come at once are all answered, each with its own', { skip, timeout: 30_000 }, async () => {
  const upstream = await startUpstream(({ name }) => ({ answers: [a(name, '192.0.2.1')] }))
  endings.push(() => upstream.close())
  const log = createLogger({ service: 'dns64', instance: 'test', level: 'silent' })
  const service = new Dns64({ log, port: 53, resolvConf: '/dev/null' })
  endings.push(() => service.stop())
  const dns64 = { upstreams: [`${upstream.address}:${upstream.port}`], listen: ['127.0.0.1'], prefetch: false }
  await service.apply({ revision: 1, site: testSite({ dns64 }) })
  const client = createSocket('udp4')
  endings.push(() => client.close())
  client.connect(53, '127.0.0.1')
  await once(client, 'connect')
  /** By id, without the TTL, which counts down. */
  const heard = new Map<number, string>()
  let isDone = Promise.withResolvers<void>()
  let wanted = 1
  client.on('message', (bytes) => {
    heard.set(bytes.readUInt16BE(0), readResponse(bytes).answer.join().replace(/ \d+ /, ' '))
    if (heard.size === wanted) isDone.resolve()
  })
  client.send(encodeQuery({ name: HOT, type: 'A', id: 0 }))
  await isDone.promise
  // Mixed batches, then hits alone, then misses alone.
  for (const every of [3, 1, 10_000]) {
    heard.clear()
    wanted = QUESTIONS
    isDone = Promise.withResolvers<void>()
    for (let id = 1; id <= QUESTIONS; id++) client.send(encodeQuery({ name: nameOf(id, every), type: 'A', id }))
    await isDone.promise
    for (let id = 1; id <= QUESTIONS; id++) assert.equal(heard.get(id), `${nameOf(id, every)}. A 192.0.2.1`)
  }
  const { queries_total, dropped_total, cache_hits_total } = service.counters()
  assert.deepEqual([queries_total, dropped_total], [1 + 3 * QUESTIONS, 0])
  // A third of the first, all of the second; of the third, the two thirds that the first has asked for.
  assert.equal(cache_hits_total, QUESTIONS / 3 + QUESTIONS + (QUESTIONS * 2) / 3)
})
