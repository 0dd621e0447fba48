import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { promisify } from 'node:util'
import { SiteRejected } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { AF, libc, nativeBuffer, SOCK } from '@sixgate/host'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { FrameReader, framed } from './io/tcp-frames.ts'
import { Dns64 } from './service.ts'
import type { ToldNames, ToldQueries } from './query-questions.ts'
import { endAll } from './testkit/endings.ts'
import { readResponse } from './testkit/reading.ts'
import { a, aaaa, ptr, soa, table } from './testkit/records.ts'
import { encodeQuery } from './testkit/script.ts'
import { type ScriptedUpstream, startUpstream } from './testkit/scripted-upstream.ts'
import { testSite } from './testkit/virtual-server.ts'

/*
 *   dig, sockets ── lo / lan0 (veth), port 53 ── Dns64 ── lo, free ports ── scripted upstreams
 *   all in one network namespace of this test file
 */
const skip = enterNamespace()

const ZONE = table({
  'v4.example.net A': { answers: [a('v4.example.net', '192.0.2.33'), a('v4.example.net', '192.0.2.34')] },
  'v4.example.net AAAA': { authorities: [soa('example.net')] },
  'six.example.net AAAA': { answers: [aaaa('six.example.net', '2001:db8::6')] },
  'six.example.net A': { answers: [a('six.example.net', '192.0.2.6')] },
  '33.2.0.192.in-addr.arpa PTR': { answers: [ptr('33.2.0.192.in-addr.arpa', 'v4.example.net')] },
  'big.example.net A': { truncated: true },
})

const log = createLogger({ service: 'dns64', instance: 'test', level: 'silent' })
const resolvConf = join(tmpdir(), `dns64-resolv-${process.pid}.conf`)
writeFileSync(resolvConf, '')

const running: Dns64[] = []
const upstreams: ScriptedUpstream[] = []
/** Ends what a test opened, also when it failed: a child or a socket would keep this process alive. */
const endings: (() => unknown)[] = []
afterEach(() =>
  endAll([
    ...endings.splice(0),
    ...running.splice(0).map((service) => () => service.stop()),
    ...upstreams.splice(0).map((upstream) => () => upstream.close()),
  ]),
)

const startService = async (dns64: Record<string, unknown>): Promise<Dns64> => {
  const service = new Dns64({ log, port: 53, resolvConf })
  running.push(service)
  await service.apply({ revision: 1, site: testSite({ dns64 }) })
  return service
}

const startScript = async (...args: Parameters<typeof startUpstream>): Promise<ScriptedUpstream> => {
  const upstream = await startUpstream(...args)
  upstreams.push(upstream)
  return upstream
}

const run = promisify(execFile)
/** Lines of `dig +short`. */
const dig = async (...args: string[]): Promise<string[]> => {
  const { stdout } = await run('dig', ['+tries=1', '+time=6', '+short', ...args])
  return stdout.split('\n').filter((line) => line !== '')
}
const digAll = async (...args: string[]): Promise<string> => (await run('dig', ['+tries=1', '+time=6', ...args])).stdout

/** Calls `check` after every event until it holds; the deadline only ends a test that fails. */
const until = async (check: () => boolean): Promise<void> => {
  const endMs = performance.now() + 15_000
  while (!check()) {
    if (performance.now() > endMs) throw new Error('it did not come to that')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const at = (upstream: ScriptedUpstream): string => `${upstream.address}:${upstream.port}`
const codes = (service: Dns64): string[] => service.problems().map((problem) => problem.code)

test('stock dig: A, AAAA made and native, reverse, over UDP and TCP, IPv4 and IPv6 loopback', { skip }, async () => {
  const upstream = await startScript(ZONE)
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1', '::1'] })
  for (const server of ['@127.0.0.1', '@::1'])
    for (const way of ['+notcp', '+tcp']) {
      assert.deepEqual(await dig(server, way, 'v4.example.net', 'A'), ['192.0.2.33', '192.0.2.34'])
      assert.deepEqual(await dig(server, way, 'v4.example.net', 'AAAA'), ['64:ff9b::c000:221', '64:ff9b::c000:222'])
      assert.deepEqual(await dig(server, way, 'six.example.net', 'AAAA'), ['2001:db8::6'])
      assert.deepEqual(await dig(server, way, '-x', '64:ff9b::c000:221'), [
        '33.2.0.192.in-addr.arpa.',
        'v4.example.net.',
      ])
      assert.match(await digAll(server, way, 'none.example.net', 'AAAA'), /status: NXDOMAIN[\s\S]*IN\s+SOA/)
      assert.match(
        await digAll(server, way, 'v4.example.net', 'AAAA', '+dnssec', '+cdflag'),
        /status: NOERROR[\s\S]*ANSWER: 0/,
      )
    }
  // Everything else came from the cache.
  assert.equal(upstream.heard.filter((line) => line === 'v4.example.net A udp').length, 1)
})

test('a truncated answer is fetched over TCP, and truncated again for a UDP client', { skip }, async () => {
  const many = Array.from({ length: 60 }, (_, i) => a('big.example.net', `192.0.2.${i}`))
  const upstream = await startScript((asked) => (asked.transport === 'udp' ? { truncated: true } : { answers: many }))
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  assert.match(await digAll('@127.0.0.1', '+notcp', '+ignore', 'big.example.net', 'A'), /flags: qr tc rd ra/)
  // dig sees TC and comes back over TCP.
  assert.equal((await dig('@127.0.0.1', 'big.example.net', 'A')).length, 60)
  assert.deepEqual(
    upstream.heard.filter((line) => !line.startsWith('. ')),
    ['big.example.net A udp', 'big.example.net A tcp'],
  )
})

test('RFC 7766 §6.2.1: what is truncated over UDP is fetched over one connection, as long as it lasts', {
  skip,
}, async () => {
  const upstream = await startScript((asked) =>
    asked.transport === 'udp' ? { truncated: true } : { answers: [a(asked.name, '192.0.2.1')] },
  )
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  const names = Array.from({ length: 20 }, (_, i) => `n${i}.example.net`)
  assert.equal((await dig('@127.0.0.1', ...names.flatMap((name) => [name, 'A']))).length, 20)
  assert.equal(upstream.heard.filter((line) => line.endsWith(' tcp')).length, 20)
  assert.equal(upstream.connections(), 1)
})

test('failover to the second upstream, from a refused port and from silence', { skip }, async () => {
  const gone = await startUpstream(ZONE)
  await gone.close()
  const silent = await startScript(() => 'silence')
  const good = await startScript(ZONE)
  for (const first of [gone, silent]) {
    const service = await startService({ upstreams: [at(first), at(good)], listen: ['127.0.0.1'] })
    assert.deepEqual(await dig('@127.0.0.1', 'v4.example.net', 'A'), ['192.0.2.33', '192.0.2.34'])
    assert.deepEqual(service.problems(), [])
    await service.stop()
  }
})

test('RFC 5452 §9.2 queries to an upstream of a quiet site come from ever other source ports', { skip }, async () => {
  const upstream = await startScript(ZONE)
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  // One process: to start twenty takes a busy machine longer than they wait, and this process does not answer meanwhile.
  await dig('@127.0.0.1', ...Array.from({ length: 20 }, (_, i) => [`n${i}.example.net`, 'A']).flat())
  assert.ok(new Set(upstream.sourcePorts).size >= 18, 'a port may repeat by chance, not by design')
})

test('forged, late and broken packets are waited past', { skip }, async () => {
  const upstream = await startScript(() => ({
    answers: [a('v4.example.net', '192.0.2.33')],
    decoys: ['wrong-id', 'wrong-question', 'query', 'short', 'noise'],
    afterMs: 50,
  }))
  const service = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  assert.deepEqual(await dig('@127.0.0.1', 'v4.example.net', 'A'), ['192.0.2.33'])
  await until(() => (service.counters().upstream_mismatched_total ?? 0) >= 5)
})

test('no upstream answers: SERVFAIL, a problem that says which and since when; gone with the first answer', {
  skip,
}, async () => {
  // Not one of those that the kernel gives to sockets as they come: it has to be free when the upstream is back.
  const gone = await startUpstream(ZONE, '127.0.0.1', 5301)
  await gone.close()
  const service = await startService({ upstreams: [at(gone)], listen: ['127.0.0.1'] })
  assert.match(await digAll('@127.0.0.1', 'v4.example.net', 'AAAA'), /status: SERVFAIL/)
  // Names of our own still work.
  assert.deepEqual(await dig('@127.0.0.1', 'ipv4only.arpa', 'AAAA'), ['64:ff9b::c000:aa', '64:ff9b::c000:ab'])
  const expected = new RegExp(
    `^dns64\\.upstreams: no name server answers: 127\\.0\\.0\\.1#${gone.port} nobody listens there .* since \\d{4}-\\d\\d-\\d\\dT[\\d:]+Z: check`,
  )
  // It names the last error, and on a slow machine one of the queries may have found its time over first.
  await until(() => codes(service).join() === 'upstream-silent' && expected.test(service.problems()[0]?.message ?? ''))
  const back = await startScript(ZONE, '127.0.0.1', gone.port)
  // Nobody asks meanwhile: the probe finds it.
  await until(() => service.problems().length === 0)
  assert.ok(back.heard.includes('. NS udp'))
  assert.deepEqual(await dig('@127.0.0.1', 'v4.example.net', 'A'), ['192.0.2.33', '192.0.2.34'])
})

test('the LAN address comes and goes: a problem meanwhile, bound as soon as it is there', { skip }, async () => {
  const here = Namespace.here()
  const upstream = await startScript(ZONE)
  const service = await startService({ upstreams: [at(upstream)] })
  assert.deepEqual(codes(service), ['listen-address-missing'])
  assert.match(service.problems()[0]?.message ?? '', /fd00:64::1.*ra-advertiser/)
  // Loopback works all the same.
  assert.deepEqual(await dig('@::1', 'v4.example.net', 'AAAA'), ['64:ff9b::c000:221', '64:ff9b::c000:222'])

  here.ip('link add lan0 type veth peer name far0')
  endings.push(() => here.ip('link del lan0'))
  here.ip('link set lan0 up')
  for (let round = 0; round < 2; round++) {
    here.ip('-6 addr add fd00:64::1/64 dev lan0 nodad')
    await until(() => service.problems().length === 0)
    assert.deepEqual(await dig('@fd00:64::1', '-b', 'fd00:64::1', 'v4.example.net', 'AAAA'), [
      '64:ff9b::c000:221',
      '64:ff9b::c000:222',
    ])
    here.ip('-6 addr del fd00:64::1/64 dev lan0')
    await until(() => codes(service).includes('listen-address-missing'))
  }
})

test('an address that is still tentative is waited for (RFC 4862 §5.4)', { skip }, async () => {
  const here = Namespace.here()
  const upstream = await startScript(ZONE)
  here.ip('link add lan0 type veth peer name far0')
  endings.push(() => here.ip('link del lan0'))
  here.ip('link set far0 up')
  here.ip('link set lan0 up')
  const service = await startService({ upstreams: [at(upstream)] })
  // Duplicate address detection takes a second here.
  here.ip('-6 addr add fd00:64::1/64 dev lan0')
  await until(() => service.problems().length === 0)
  assert.equal((await dig('@fd00:64::1', 'v4.example.net', 'AAAA')).length, 2)
})

test('strangers are refused', { skip }, async () => {
  const here = Namespace.here()
  here.ip('addr add 203.0.113.2/32 dev lo')
  endings.push(() => here.ip('addr del 203.0.113.2/32 dev lo'))
  const upstream = await startScript(ZONE)
  const service = await startService({ upstreams: [at(upstream)], listen: ['203.0.113.2'] })
  assert.match(await digAll('@203.0.113.2', '-b', '203.0.113.2', 'v4.example.net', 'A'), /status: REFUSED/)
  assert.deepEqual(await dig('@203.0.113.2', '-b', '127.0.0.1', 'v4.example.net', 'A'), ['192.0.2.33', '192.0.2.34'])
  assert.equal(service.counters().refused_strangers_total, 1)
})

test('a new document moves the listeners and changes what is made', { skip }, async () => {
  const upstream = await startScript(ZONE)
  const service = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  assert.equal((await dig('@127.0.0.1', 'v4.example.net', 'AAAA')).length, 2)
  const dns64 = { upstreams: [at(upstream)], listen: ['::1', '127.0.0.2'], exclude: ['::/0'] }
  await service.apply({ revision: 2, site: testSite({ dns64, pref64: ['2001:db8::/96'] }) })
  assert.deepEqual(await dig('@127.0.0.2', 'v4.example.net', 'AAAA'), ['2001:db8::c000:221', '2001:db8::c000:222'])
  assert.deepEqual(await dig('@::1', 'six.example.net', 'AAAA'), ['2001:db8::c000:206'])
  await assert.rejects(dig('@127.0.0.1', 'v4.example.net', 'AAAA'))
})

test('exclude auto follows the IPv6 default route', { skip }, async () => {
  const here = Namespace.here()
  const upstream = await startScript(ZONE)
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'], exclude: 'auto' })
  assert.deepEqual(await dig('@127.0.0.1', 'six.example.net', 'AAAA'), ['64:ff9b::c000:206'])
  here.ip('link add wan0 type veth peer name far1')
  endings.push(() => here.ip('link del wan0'))
  here.ip('link set far1 up')
  here.ip('link set wan0 up')
  here.ip('-6 addr add 2001:db8:ffff::2/64 dev wan0 nodad')
  for (const [change, expected] of [
    ['add', '2001:db8::6'],
    ['del', '64:ff9b::c000:206'],
  ] as const) {
    here.ip(`-6 route ${change} default via 2001:db8:ffff::1 dev wan0`)
    let seen: string | undefined
    // The event is on its way; the cached answer goes with it.
    for (let i = 0; i < 100 && seen !== expected; i++) [seen] = await dig('@127.0.0.1', 'six.example.net', 'AAAA')
    assert.equal(seen, expected)
  }
})

test('upstreams auto: the name servers of resolv.conf, followed when it changes', { skip }, async () => {
  const here = Namespace.here()
  here.ip('addr add 192.0.2.53/32 dev lo')
  endings.push(() => here.ip('addr del 192.0.2.53/32 dev lo'))
  writeFileSync(resolvConf, 'nameserver 127.0.0.1\n')
  const service = await startService({ upstreams: 'auto', listen: ['127.0.0.1'] })
  assert.deepEqual(codes(service), ['upstream-missing'])
  assert.match(service.problems()[0]?.message ?? '', /names no server other than dns64 itself/)
  const upstream = await startScript(ZONE, '192.0.2.53', 53)
  writeFileSync(resolvConf, 'nameserver 127.0.0.1\nnameserver 192.0.2.53\n')
  await until(() => service.problems().length === 0)
  assert.deepEqual(await dig('@127.0.0.1', 'v4.example.net', 'A'), ['192.0.2.33', '192.0.2.34'])
  assert.ok(upstream.heard.length > 0)
})

test('what was asked is told with the reason, and forgotten when the document says off', { skip }, async () => {
  const upstream = await startScript(ZONE)
  const dns64 = { upstreams: [at(upstream)], listen: ['127.0.0.1'], queryLog: 'clients' }
  const service = await startService(dns64)
  const beforeMs = Date.now()
  await dig('@127.0.0.1', 'v4.example.net', 'AAAA', 'v4.example.net', 'AAAA')
  const told = service.questions.queries?.({ name: 'v4.' }) as ToldQueries
  assert.deepEqual(
    told.queries.map(({ client, name, type, reason, isCached }) => [client, name, type, reason, isCached]),
    [true, false].map((isCached) => ['127.0.0.1', 'v4.example.net.', 'AAAA', 'synthesised', isCached]),
  )
  for (const { atMs } of told.queries) assert.ok(atMs >= beforeMs - 1 && atMs <= Date.now() + 1, `${atMs}`)
  const top = service.questions['top-names']?.({}) as ToldNames
  assert.deepEqual(top.names, [{ name: 'v4.example.net.', queries: 2, overAtMost: 0 }])
  await service.apply({ revision: 2, site: testSite({ dns64: { ...dns64, queryLog: 'off' } }) })
  const forgotten = service.questions.queries?.({}) as ToldQueries
  assert.deepEqual(forgotten.queries, [])
})

test('an upstream that is dns64 itself is rejected; the document before stays in force', { skip }, async () => {
  const upstream = await startScript(ZONE)
  const service = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  const site = testSite({ dns64: { upstreams: ['127.0.0.1'], listen: ['127.0.0.1'] } })
  await assert.rejects(
    service.apply({ revision: 2, site }),
    (error) => error instanceof SiteRejected && /would ask itself/.test(error.message),
  )
  assert.equal((await dig('@127.0.0.1', 'v4.example.net', 'AAAA')).length, 2)
})

test('port 53 taken: by whom, how to fix it, and taken up when it is free', { skip }, async () => {
  const upstream = await startScript(ZONE)
  const here = Namespace.here()
  const script = "require('dgram').createSocket('udp4').bind(53, '127.0.0.1', () => console.log('bound'))"
  const other = here.spawn(process.execPath, ['-e', script])
  endings.push(() => other.stop())
  await other.waitFor(/bound/)
  const service = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1', '::1'] })
  assert.deepEqual(codes(service), ['listen-port-taken'])
  assert.match(
    service.problems()[0]?.message ?? '',
    new RegExp(`127\\.0\\.0\\.1 port 53/udp is taken by \\S+ \\(pid ${other.child.pid}\\): stop it`),
  )
  assert.equal((await dig('@::1', 'v4.example.net', 'AAAA')).length, 2)
  await other.stop()
  await until(() => service.problems().length === 0)
  assert.equal((await dig('@127.0.0.1', '+notcp', 'v4.example.net', 'AAAA')).length, 2)
})

test('SO_REUSEPORT: two instances share the port, and the one that stays serves all', { skip }, async () => {
  const upstream = await startScript(ZONE)
  const first = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  const second = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  assert.deepEqual([first.problems(), second.problems()], [[], []])
  await first.stop()
  for (const way of ['+notcp', '+tcp']) assert.equal((await dig('@127.0.0.1', way, 'v4.example.net', 'AAAA')).length, 2)
})

test('one of two instances is stopped: whoever has asked it, or asks meanwhile over UDP, gets an answer', {
  skip,
}, async () => {
  const upstream = await startScript((asked) => ({ answers: [a(asked.name, '192.0.2.1')], afterMs: 300 }))
  const listen = ['127.0.0.1', '::1']
  const first = await startService({ upstreams: [at(upstream)], listen })
  const second = await startService({ upstreams: [at(upstream)], listen })
  let [asked, answered] = [0, 0]
  // Many clients: the kernel gives each to one of both.
  const clients = await Promise.all(
    Array.from({ length: 32 }, async (_, n) => {
      const client = n % 2 === 0 ? createSocket('udp4') : createSocket('udp6')
      endings.push(() => client.close())
      client.on('message', () => answered++)
      client.connect(53, n % 2 === 0 ? '127.0.0.1' : '::1')
      await once(client, 'connect')
      return client
    }),
  )
  const askAll = (): void => {
    for (const client of clients) client.send(encodeQuery({ name: `n${++asked}.example.net`, type: 'A' }))
  }
  const tcp = await Promise.all(Array.from({ length: 8 }, () => connectTcp()))
  askAll()
  for (const [id, { socket }] of tcp.entries())
    socket.write(framed(encodeQuery({ name: `t${id}.example.net`, type: 'A' })))
  const heardTcp = (): number => [first, second].reduce((sum, one) => sum + (one.counters().queries_tcp_total ?? 0), 0)
  await until(() => first.counters().queries_total !== 0 && heardTcp() === tcp.length)
  const asking = setInterval(askAll, 10)
  endings.unshift(() => clearInterval(asking))
  await first.stop()
  clearInterval(asking)
  askAll()
  await until(() => answered === asked && tcp.every(({ responses }) => responses.length === 1))
})

/** A TCP client that collects responses. */
const connectTcp = async (): Promise<{ socket: Socket; responses: ReturnType<typeof readResponse>[] }> => {
  const socket = connect(53, '127.0.0.1')
  endings.push(() => socket.destroy())
  await once(socket, 'connect')
  const frames = new FrameReader()
  const responses: ReturnType<typeof readResponse>[] = []
  socket.on('data', (chunk: Uint8Array) => frames.push(chunk, (message) => responses.push(readResponse(message))))
  socket.on('error', () => {})
  return { socket, responses }
}

test('RFC 7766: pipelined queries are answered as they get ready, in pieces or in one segment', { skip }, async () => {
  const { promise: fastOnesSeen, resolve } = Promise.withResolvers<void>()
  const upstream = await startScript((asked) => ({
    answers: [a(asked.name, '192.0.2.1')],
    ...(asked.name.startsWith('slow') ? { behind: fastOnesSeen } : {}),
  }))
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  const { socket, responses } = await connectTcp()
  const queries = ['slow', 'b', 'c'].map((label, id) =>
    framed(encodeQuery({ name: `${label}.example.net`, type: 'A', id })),
  )
  const stream = Buffer.concat(queries)
  for (let i = 0; i < stream.length; i += 7) socket.write(stream.subarray(i, i + 7))
  // Half-closed: the answers still come, then the connection ends.
  socket.end()
  await until(() => responses.length === 2)
  resolve()
  await once(socket, 'close')
  assert.deepEqual(new Set(responses.map((r) => r.id)), new Set([0, 1, 2]))
  assert.equal(responses.at(-1)?.id, 0, 'the slow one is last')
})

test('RFC 7766 §8: hundreds of queries on one connection', { skip }, async () => {
  const upstream = await startScript((asked) => ({ answers: [a(asked.name, '192.0.2.1')] }))
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  const { socket, responses } = await connectTcp()
  for (let id = 0; id < 500; id++) socket.write(framed(encodeQuery({ name: `n${id}.example.net`, type: 'A', id })))
  await until(() => responses.length === 500)
  assert.equal(new Set(responses.map((r) => r.id)).size, 500)
  assert.ok(responses.every((r) => r.rcode === 0))
  socket.destroy()
})

test('TCP: a packet that is no query ends the connection, too many connections of one client are refused', {
  skip,
}, async () => {
  const upstream = await startScript(ZONE)
  await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  const { socket } = await connectTcp()
  socket.write(framed(Uint8Array.of(1, 2, 3)))
  await once(socket, 'close')

  const sockets = await Promise.all(Array.from({ length: 16 }, () => connectTcp()))
  const oneMore = await connectTcp()
  await once(oneMore.socket, 'close')
  for (const { socket } of sockets) socket.destroy()
})

test('a client on UDP that has gone does no harm', { skip }, async () => {
  const upstream = await startScript((asked) => ({ answers: [a(asked.name, '192.0.2.1')], afterMs: 100 }))
  const service = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  const client = createSocket('udp4')
  let isOpen = true
  const close = (): void => {
    if (isOpen) client.close()
    isOpen = false
  }
  endings.push(close)
  await new Promise<void>((resolve) =>
    client.send(encodeQuery({ name: 'x.example.net', type: 'A' }), 53, '127.0.0.1', () => resolve()),
  )
  await until(() => service.counters().queries_total === 1)
  close()
  await until(() => service.counters().responses_noerror_total === 1)
  assert.deepEqual(await dig('@127.0.0.1', 'x.example.net', 'A'), ['192.0.2.1'])
})

/** A UDP packet to 127.0.0.1 port 53 with source port 0, which no ordinary socket can send. */
const sendFromPortZero = (payload: Uint8Array): void => {
  const IPPROTO_UDP = 17
  const packet = nativeBuffer(8 + payload.length)
  // RFC 768: source, destination, length, checksum (0 = none).
  packet.view.setUint16(2, 53)
  packet.view.setUint16(4, 8 + payload.length)
  packet.bytes.set(payload, 8)
  // struct sockaddr_in: family in host order, port, address.
  const to = nativeBuffer(16)
  to.view.setUint16(0, AF.INET, true)
  to.bytes.set([127, 0, 0, 1], 4)
  const fd = libc.socket(AF.INET, SOCK.RAW, IPPROTO_UDP)
  const sent = libc.sendto(fd, { address: packet.address, lenBytes: packet.bytes.length }, 0, {
    address: to.address,
    lenBytes: to.bytes.length,
  })
  libc.closeFd(fd)
  assert.equal(sent, packet.bytes.length)
}

test('RFC 768: a query from port 0 gets no reply and does no harm', { skip }, async () => {
  const upstream = await startScript(ZONE)
  const service = await startService({ upstreams: [at(upstream)], listen: ['127.0.0.1'] })
  sendFromPortZero(encodeQuery({ name: 'v4.example.net', type: 'A' }))
  // Behind it in the same socket: when this one is answered, the other was read.
  assert.deepEqual(await dig('@127.0.0.1', '+notcp', 'v4.example.net', 'A'), ['192.0.2.33', '192.0.2.34'])
  assert.equal(service.counters().queries_total, 1)
  assert.equal(service.counters().defects_total, 0)
})

test('without permission for the port: which, and how to fix it', { skip }, async () => {
  const here = Namespace.here()
  here.sysctl('ipv4/ip_unprivileged_port_start', 1024)
  const site = join(tmpdir(), `dns64-site-${process.pid}.yaml`)
  writeFileSync(
    site,
    'lan: { interface: lan0, prefix: fd00:64::/64 }\npref64: ["64:ff9b::/96"]\nnat64: { pool4: [192.168.240.0/20] }\ndns64: { listen: ["127.0.0.1"], upstreams: ["192.0.2.53"] }\n',
  )
  const main = new URL('main.ts', import.meta.url).pathname
  const child = here.spawn(
    'setpriv',
    ['--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service', process.execPath, main],
    {
      SITE: `file:${site}`,
      STATE_DIR: join(tmpdir(), `dns64-state-${process.pid}`),
      RESOLV_CONF: resolvConf,
    },
  )
  endings.push(() => child.stop())
  await child.waitFor(/listen-not-permitted[\s\S]*CAP_NET_BIND_SERVICE/)
  await child.stop()
})
