import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { createLogger } from '@sixgate/obs'
import { enterNamespace } from '@sixgate/testkit'
import { makePolicy } from './core/policy.ts'
import type { ToldNames, ToldQueries } from './query-questions.ts'
import { Dns64 } from './service.ts'
import { endAll } from './testkit/endings.ts'
import { startUpstream } from './testkit/scripted-upstream.ts'
import { testSite } from './testkit/virtual-server.ts'
import { warmUp } from './warm-up.ts'

const skip = enterNamespace()
const endings: (() => unknown)[] = []
afterEach(() => endAll(endings.splice(0)))

const log = createLogger({ service: 'dns64', instance: 'test', level: 'silent' })
const WARM_UP_MS = 60_000

/** 16 questions, 12 of them for AAAA, each answered once by asking upstream and eight times out of the cache. */
const A_ROUND = {
  responses_noerror_total: 16 * 9,
  cache_hits_total: 16 * 8,
  synthesised_total: 12 * 9,
  defects_total: 0,
}

for (const [what, dns64] of [
  ['the default document', {}],
  ['a document that lets this machine ask nothing', { clients: ['2001:db8::1'] }],
  ['a low rate limit', { rateLimit: { queriesPerS: 1, burst: 1 } }],
  ['a prefix for others', { prefixes: [{ pref64: '64:ff9b::/96', clients: ['2001:db8::1'] }] }],
] as const)
  test(`every question of the warm-up has an answer, and its repetition is a hit: ${what}`, { skip }, async () => {
    const policy = makePolicy(testSite({ dns64 }), { hasIp6Uplink: true, hasPrivateUpstream: false })
    const { responses_noerror_total, cache_hits_total, synthesised_total, defects_total } = await warmUp(policy, 0)
    assert.deepEqual({ responses_noerror_total, cache_hits_total, synthesised_total, defects_total }, A_ROUND)
  })

test('the warm-up leaves nothing behind, and no upstream hears of it', { skip }, async () => {
  const upstream = await startUpstream(() => ({ rcode: 0 }))
  const service = new Dns64({ log, port: 53, resolvConf: '/dev/null', warmUpMs: WARM_UP_MS })
  endings.push(
    () => service.stop(),
    () => upstream.close(),
  )
  const site = testSite({ dns64: { upstreams: [`${upstream.address}:${upstream.port}`], listen: ['127.0.0.1'] } })
  await service.apply({ revision: 1, site })
  const kept = Object.entries(service.counters()).filter(([name, count]) => count !== 0 && name !== 'cache_octets')
  assert.deepEqual(Object.fromEntries(kept), { upstreams: 1, listeners: 2 })
  const told = (await service.questions.queries?.({})) as ToldQueries
  const top = (await service.questions['top-names']?.({})) as ToldNames
  assert.deepEqual([told.queries, top.names], [[], []])
  assert.deepEqual(upstream.heard, [])
})
