import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { createLogger } from '@sixgate/obs'
import { enterNamespace } from '@sixgate/testkit'
import { Dns64 } from './service.ts'
import { readResponse, type ReadResponse } from './testkit/reading.ts'
import { a } from './testkit/records.ts'
import { encodeQuery } from './testkit/script.ts'
import { startUpstream } from './testkit/scripted-upstream.ts'
import { testSite } from './testkit/virtual-server.ts'

/*
 * The upstream dies under load and comes back:
 *
 *   40 questions at a time ── 127.0.0.1:53 dns64 ── 127.0.0.10:53 scripted upstream, killed and started again
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

  async ask(name: string): Promise<ReadResponse> {
    // 16 bits: a fast machine asks more often than that, and never has more than a few under way.
    const id = this.#id++ & 0xffff
    const { promise, resolve } = Promise.withResolvers<ReadResponse>()
    this.#waiting.set(id, resolve)
    this.#socket.send(encodeQuery({ name, type: 'A', id, edns: {} }), 53, '127.0.0.1')
    const response = await promise
    this.#waiting.delete(id)
    return response
  }

  /** Every name once, at the same time. */
  all(): Promise<ReadResponse[]> {
    return Promise.all(NAMES.map((name) => this.ask(name)))
  }

  close(): void {
    this.#socket.close()
  }
}

const saying = (ip: string) => (asked: { readonly name: string }) => ({ answers: [a(asked.name, ip, 1)] })
const addresses = (responses: readonly ReadResponse[]): string[] => [
  ...new Set(responses.map(({ rcode, answer }) => `${rcode} ${answer[0]?.split(' ')[3] ?? 'nothing'}`)),
]

const endings: (() => unknown)[] = []
after(async () => {
  for (const end of endings.toReversed()) await end()
})

test('an upstream that dies under load: stale answers, then fresh ones, and nothing wrong in between', {
  skip,
}, async () => {
  const first = await startUpstream(saying('192.0.2.1'), '127.0.0.10', 53)
  const log = createLogger({ service: 'dns64', instance: 'test', level: 'silent' })
  const service = new Dns64({ log, port: 53, resolvConf: '/dev/null' })
  endings.push(() => service.stop())
  // The load is one client that asks as fast as it is answered.
  const dns64 = { upstreams: ['127.0.0.10'], listen: ['127.0.0.1'], rateLimit: { queriesPerS: 0 } }
  await service.apply({ revision: 1, site: testSite({ dns64 }) })
  const load = new Load()
  await load.start()
  endings.push(() => load.close())
  assert.deepEqual(addresses(await load.all()), ['0 192.0.2.1'])

  // Killed while questions are under way. What was known is given out, also when its second is over.
  const underWay = load.all()
  await first.close()
  const seen = [await underWay]
  const downUntilMs = performance.now() + 3500
  while (performance.now() < downUntilMs) seen.push(await load.all())
  assert.deepEqual(addresses(seen.flat()), ['0 192.0.2.1'])
  assert.ok((service.counters().stale_total ?? 0) > 0, 'stale answers')
  // A name that nobody knows fails, and that is not kept for long.
  assert.equal((await load.ask('new.example.net')).rcode, 2)

  const second = await startUpstream(saying('192.0.2.2'), '127.0.0.10', 53)
  endings.push(() => second.close())
  const endMs = performance.now() + 60_000
  for (;;) {
    const now = addresses([...(await load.all()), await load.ask('new.example.net')])
    if (now.length === 1 && now[0] === '0 192.0.2.2') break
    // RFC 8767 §5: a failed renewal is not repeated for 30 s; until then only what is stale, or a failure, may be seen.
    for (const one of now) assert.ok(['0 192.0.2.1', '0 192.0.2.2', '2 nothing'].includes(one), one)
    assert.ok(performance.now() < endMs, `not fresh again: ${now.join('; ')}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  assert.deepEqual(service.problems(), [])
})
