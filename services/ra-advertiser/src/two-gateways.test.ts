import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ask, KvBucket } from '@sixgate/bus'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import type { NeighbourReport } from './core/neighbour-report.ts'
import { GatewayLab, natsWith, siteOf } from './testkit/gateway-lab.ts'
import { until } from './testkit/until.ts'

/**
 * Two gateways on one link, each with its own site document and NATS, as two machines have:
 *
 *     gateway: lan0 ── wire ┐
 *     second:  lan0 ── wire2 ┤ br0
 *     host:    eth0 ── port ┘      which router does its kernel take?
 */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { gateway, host } = lab
const second = skip === false ? await Namespace.create('second') : gateway
afterEach(async () => await lab.killAll())
after(async () => {
  await second.close()
  await lab.close()
})

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** A second gateway with one prefix and router address of its own; the well one of both. */
const startSecond = (): (() => Promise<unknown>) => {
  second.sysctl('ipv6/conf/all/forwarding', 1)
  second.sysctl('ipv6/conf/default/accept_dad', 0)
  gateway.ip(`link add wire2 type veth peer name lan0 netns ${second.pid}`)
  gateway.sysctl('ipv6/conf/wire2/disable_ipv6', 1)
  gateway.ip('link set wire2 master br0')
  gateway.ip('link set wire2 up')
  second.ip('link add wan0 type veth peer name isp0')
  for (const name of ['wan0', 'isp0']) second.ip(`link set ${name} up`)
  second.ip('address add 198.51.100.2/24 dev wan0')
  second.ip('route add default via 198.51.100.1 dev wan0')
  const site = join(lab.directory, 'second.yaml')
  writeFileSync(site, siteOf({}, { lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64', router: '::2' } }))
  const state = { STATE_DIR: join(lab.directory, 'second'), HEALTH_FILE: join(lab.directory, 'second.json') }
  const service = second.spawn(process.execPath, [MAIN], { SITE: `file:${site}`, ...state })
  return async () => await service.stop('SIGTERM')
}

const linkLocal = (namespace: Namespace): string =>
  /inet6 (fe80::\S+)\//.exec(namespace.ip('-6 address show dev lan0'))?.[1] ?? ''

/** The router that the host's kernel takes to the world. */
const taken = (): string =>
  /via (fe80::\S+)/.exec(host.runSync('ip', '-6', 'route', 'get', '64:ff9b::1').stdout)?.[1] ?? ''

test('hosts take the well gateway: high while all is well, low while nat64 is not, and back', { skip }, async (t) => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf({ preference: 'high', health: { downAfterS: 2, upAfterS: 1 } }))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const status = new KvBucket(await nats.connectedLink(), 'status')
  const report = async (service: string, problems: readonly { code: string; message: string }[]): Promise<void> => {
    const atMs = Date.now()
    const state = problems.length === 0 ? 'ok' : 'degraded'
    const content = {
      service,
      instance: 'a',
      version: '0',
      revision: 1,
      state,
      sinceMs: atMs,
      problems,
      counters: {},
      startedAtMs: atMs,
      atMs,
    }
    await status.put(`${service}.a`, new TextEncoder().encode(JSON.stringify(content)))
  }
  let broken: readonly { code: string; message: string }[] = []
  const tell = async (): Promise<void> => {
    await report('dns64', [])
    await report('nat64', broken)
  }
  await tell()
  // At the end NATS may be gone before.
  const timer = setInterval(() => void tell().catch(() => undefined), 1000)
  t.after(() => clearInterval(timer))
  const { process: first, health } = lab.start(nats, 'a')
  await until('state ok', () => health().state === 'ok')
  const stopSecond = startSecond()
  await until('both default routers', () => {
    const routes = host.ip('-6 route show default')
    return routes.includes('pref high') && routes.includes('pref medium')
  })
  await until('the first is taken', () => taken() === linkLocal(gateway))
  // Each has heard the other, and they agree on all that a host must not hear two opinions on.
  const link = await nats.connectedLink()
  const neighbours = async (): Promise<readonly NeighbourReport[]> => {
    const [answer] = await ask(link, { service: 'ra-advertiser', question: 'neighbours', body: undefined, expected: 1 })
    return (answer?.answer ?? []) as readonly NeighbourReport[]
  }
  assert.deepEqual(
    (await neighbours()).map(({ router, findings }) => [router, findings]),
    [[linkLocal(second), []]],
  )

  broken = [{ code: 'tun-lost', message: 'the TUN is gone' }]
  await until('the second is taken', () => taken() === linkLocal(second))
  assert.match(host.ip('-6 route show default'), /pref low/)
  broken = []
  await until('the first is taken again', () => taken() === linkLocal(gateway))

  // One dies without a word: the kernel finds out by neighbour discovery, the other was there all the time.
  await first.stop('SIGKILL')
  gateway.ip('link set lan0 down')
  const reached = async (): Promise<boolean> => {
    await host.run('ping', '-6', '-c', '1', '-W', '1', '64:ff9b::1')
    return taken() === linkLocal(second)
  }
  const endMs = performance.now() + 20_000
  while (!(await reached())) assert.ok(performance.now() < endMs, 'the host stays with the dead gateway')
  await stopSecond()
})
