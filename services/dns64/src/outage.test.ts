import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { createLogger } from '@sixgate/obs'
import { enterNamespace } from '@sixgate/testkit'
import { Dns64 } from './service.ts'
import { endAll } from './testkit/endings.ts'
import { readResponse, type ReadResponse } from './testkit/reading.ts'
import { a, soa } from './testkit/records.ts'
import { encodeQuery, type Script } from './testkit/script.ts'
import { startUpstream } from './testkit/scripted-upstream.ts'
import { testSite } from './testkit/virtual-server.ts'

/*
 * The upstream dies under load, comes back sick, and then well:
 *
 *   40 questions at a time, A and made AAAA ── 127.0.0.1:53 dns64 ── 127.0.0.10:53 scripted upstream, killed and started
 */
const skip = enterNamespace()
const NAMES = Array.from({ length: 40 }, (_, i) => `n${i}.example.net`)

/** A client that has a question under way for each name, all the time. */
class Load {
  readonly #socket = createSocket('udp4')
  readonly #waiting = new Map<number, (response: ReadResponse) => void>()
  #id = 1

  async start(): Promise<void> {
    this.#socket.on('message', (bytes) =>
      this.#waiting.get(bytes.readUInt16BE(0))?.(readResponse(new Uint8Array(bytes))),
    )
    this.#socket.bind(0, '127.0.0.1')
    await once(this.#socket, 'listening')
  }

  async ask(name: string, type: 'A' | 'AAAA' = 'A'): Promise<ReadResponse> {
    // 16 bits: a fast machine asks more often than that, and never has more than a few under way.
    const id = this.#id++ & 0xffff
    const { promise, resolve } = Promise.withResolvers<ReadResponse>()
    this.#waiting.set(id, resolve)
    this.#socket.send(encodeQuery({ name, type, id, edns: {} }), 53, '127.0.0.1')
    const response = await promise
    this.#waiting.delete(id)
    return response
  }

  /** Every name once, at the same time. */
  all(): Promise<ReadResponse[]> {
    return Promise.all(NAMES.map((name, i) => this.ask(name, i % 2 === 0 ? 'A' : 'AAAA')))
  }

  close(): void {
    this.#socket.close()
  }
}

const saying =
  (ip: string): Script =>
  ({ name, type }) =>
    type === 'A' ? { answers: [a(name, ip, 1)] } : { authorities: [soa('example.net', 1, 1)] }
/** What nobody may ever see: it comes with a failure, and in packets that fit no query. */
const WRONG = '203.0.113.66'
const sick: Script = ({ name }) => ({
  rcode: 2,
  answers: [a(name, WRONG, 3600)],
  decoys: ['wrong-id', 'wrong-question', 'short', 'noise'],
})

/** What clients take from the responses: nobody takes records from a failure. */
const addresses = (responses: readonly ReadResponse[]): string[] =>
  [
    ...new Set(
      responses.map(
        ({ rcode, answer }) => `${rcode} ${(rcode === 0 ? answer[0]?.split(' ')[3] : undefined) ?? 'nothing'}`,
      ),
    ),
  ].toSorted()
const OLD = ['0 192.0.2.1', '0 64:ff9b::c000:201']
const NEW = ['0 192.0.2.2', '0 64:ff9b::c000:202']

const endings: (() => unknown)[] = []
after(() => endAll(endings.toReversed()))

test('an upstream that dies under load: stale answers, then fresh ones, and nothing wrong in between', {
  skip,
}, async () => {
  const first = await startUpstream(saying('192.0.2.1'), '127.0.0.10', 53)
  endings.push(() => first.close())
  const log = createLogger({ service: 'dns64', instance: 'test', level: 'silent' })
  const service = new Dns64({ log, port: 53, resolvConf: '/dev/null' })
  endings.push(() => service.stop())
  // The load is one client that asks as fast as it is answered.
  const dns64 = { upstreams: ['127.0.0.10'], listen: ['127.0.0.1'], rateLimit: { queriesPerS: 0 } }
  await service.apply({ revision: 1, site: testSite({ dns64 }) })
  const load = new Load()
  await load.start()
  endings.push(() => load.close())
  assert.deepEqual(addresses(await load.all()), OLD)
  const endMs = performance.now() + 120_000
  const inTime = (what: string): void => assert.ok(performance.now() < endMs, `too slow: ${what}`)

  // Killed while questions are under way. What was known is given out, also when its second is over.
  const underWay = load.all()
  await first.close()
  const seen = [await underWay]
  while ((service.counters().stale_total ?? 0) < 10 * NAMES.length) {
    inTime('stale answers')
    seen.push(await load.all())
  }
  assert.deepEqual(addresses(seen.flat()), OLD)
  // A name that nobody knows fails, and that is not kept for long.
  assert.equal((await load.ask('new.example.net')).rcode, 2)

  // It is back, and talks nonsense.
  const ill = await startUpstream(sick, '127.0.0.10', 53)
  endings.push(() => ill.close())
  for (let i = 0; ill.heard.filter((line) => line.startsWith('ill')).length < 20; i++) {
    inTime('the sick upstream is asked')
    const unknown = await Promise.all([load.ask(`ill${i}.example.net`), load.ask(`ill${i}.example.net`, 'AAAA')])
    assert.deepEqual(addresses(unknown), ['2 nothing'])
    assert.deepEqual(addresses(await load.all()), OLD)
  }
  await ill.close()

  const second = await startUpstream(saying('192.0.2.2'), '127.0.0.10', 53)
  endings.push(() => second.close())
  for (;;) {
    const responses = [...(await load.all()), await load.ask('new.example.net'), await load.ask('ill0.example.net')]
    const now = addresses(responses)
    if (now.join() === NEW.join()) break
    // RFC 8767 §5: a failed renewal is not repeated for 30 s; until then only what is stale, or a failure, may be seen.
    for (const one of now) assert.ok([...OLD, ...NEW, '2 nothing'].includes(one), one)
    inTime(`not fresh again: ${now.join('; ')}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  assert.deepEqual(service.problems(), [])
})
