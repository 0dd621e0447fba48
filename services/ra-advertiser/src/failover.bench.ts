/**
 * `node services/ra-advertiser/src/failover.bench.ts [ROUNDS]`, as root: how long a Linux host is without its default router when one of two
 * gateways on its link dies, or is stopped. Prints the longest time between two answers of a ping every 0.1 s.
 *
 *     gateway a: lan0 ── wire ┐
 *     gateway b: lan0 ── wire2 ┤ br0       both answer for the address that the host pings
 *     host:      eth0 ── port ┘
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Namespace, type Process } from '@sixgate/testkit'
import { GatewayLab, siteOf } from './testkit/gateway-lab.ts'
import { until } from './testkit/until.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const TARGET = '64:ff9b::c000:201'
const GATEWAYS = [
  { name: 'a', router: '::1', preference: 'high' },
  { name: 'b', router: '::2' },
]

if (enterNamespace() !== false) throw new Error('needs root: it makes network namespaces')
const lab = await GatewayLab.create()
const { gateway, host } = lab
const second = await Namespace.create('second')
const at = { a: gateway, b: second }
type Name = keyof typeof at

const cable = (): void => {
  lab.cable()
  lab.uplink(true)
  second.runSync('ip', 'link', 'delete', 'lan0')
  gateway.ip(`link add wire2 type veth peer name lan0 netns ${second.pid}`)
  gateway.sysctl('ipv6/conf/wire2/disable_ipv6', 1)
  gateway.ip('link set wire2 master br0')
  gateway.ip('link set wire2 up')
}

const start = (name: Name, reachableTimeMs: number): Process => {
  const site = join(lab.directory, `${name}.yaml`)
  writeFileSync(site, siteOf({ reachableTimeMs, health: { uplink: false } }, { gateways: GATEWAYS }))
  const stateDir = join(lab.directory, `state-${name}`)
  rmSync(stateDir, { recursive: true, force: true })
  const files = { STATE_DIR: stateDir, HEALTH_FILE: join(lab.directory, `${name}.json`) }
  return at[name].spawn(process.execPath, [MAIN], { GATEWAY: name, SITE: `file:${site}`, ...files })
}

/** Seconds since 1970 of each answer. */
const stampsOf = (ping: Process): number[] =>
  [...ping.output.stdout.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, stamp]) => Number(stamp))

type Strike = 'dies' | 'is stopped'

/** The longest time without an answer, in seconds. */
const measure = async (name: Name, strike: Strike, reachableTimeMs: number): Promise<number> => {
  cable()
  const running = { a: start('a', reachableTimeMs), b: start('b', reachableTimeMs) }
  await until('two routers', () => {
    const routes = host.ip('-6 route show default')
    return routes.includes('pref high') && routes.includes('pref medium')
  })
  const ping = host.spawn('ping', ['-6', '-n', '-D', '-i', '0.1', TARGET])
  await until('answers', () => stampsOf(ping).length > 20)
  // A router that has been in use for a while, not one that was just found.
  await pause(5_000 + Math.random() * 10_000)
  if (strike === 'dies') {
    await running[name].stop('SIGKILL')
    at[name].ip('link set lan0 down')
  } else await running[name].stop('SIGTERM')
  const struck = Date.now() / 1000
  const endMs = performance.now() + 90_000
  while (stampsOf(ping).filter((stamp) => stamp > struck + 1).length < 20) {
    if (performance.now() > endMs) throw new Error('no answers within 90 s')
    await pause(100)
  }
  const stamps = stampsOf(ping)
  await Promise.all([ping, running.a, running.b].map(async (one) => await one.stop('SIGKILL')))
  return Math.max(...stamps.slice(1).map((stamp, index) => stamp - (stamps[index] ?? 0)))
}

const CASES: readonly (readonly [string, Name, Strike, number])[] = [
  ['the preferred one dies, REACHABLE_TIME of the host (30 s)', 'a', 'dies', 0],
  ['the preferred one dies, reachableTimeMs 10000', 'a', 'dies', 10_000],
  ['the other one dies', 'b', 'dies', 0],
  ['the preferred one is stopped for good', 'a', 'is stopped', 0],
]

for (const end of [gateway, second]) {
  end.sysctl('ipv6/conf/all/forwarding', 1)
  end.sysctl('ipv6/conf/default/accept_dad', 0)
  end.ip(`address add ${TARGET}/128 dev lo`)
}
const rounds = Number(process.argv[2] ?? 3)
for (const [what, name, strike, reachableTimeMs] of CASES) {
  const seconds: number[] = []
  for (let round = 0; round < rounds; round++) seconds.push(await measure(name, strike, reachableTimeMs))
  process.stdout.write(`${what}: ${seconds.map((one) => one.toFixed(1)).join(', ')} s\n`)
}
await second.close()
await lab.close()
