import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Lab, Namespace } from '@sixgate/testkit'
import { solicit } from './testkit/solicit.ts'
import { until } from './testkit/until.ts'

/**
 * Several LANs of one gateway, each with its host:
 *
 *     gateway: lan0 ── eth0 :one     lan1 ── eth0 :two
 */

const skip = enterNamespace()
const gateway = skip === false ? Namespace.here('gateway') : ({} as Namespace)
const lab = new Lab()
const [one, two] = skip === false ? [await lab.namespace('one'), await lab.namespace('two')] : [gateway, gateway]
const directory = mkdtempSync(join(tmpdir(), 'sixgate-ra-lans-'))
after(async () => {
  // A service that a failed test left running would keep this process from ending.
  if (skip === false) await gateway.close()
  await lab.close()
  rmSync(directory, { recursive: true })
})
const SITE = join(directory, 'site.yaml')
const HEALTH = join(directory, 'health.json')
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** There is no uplink here; on a slow machine the test may last longer than that is borne. */
const document = (lans: string): string => `
lan: { interface: lan0, prefix: 'fd00:1:2:3::/64' }
${lans}
pref64: ['64:ff9b::/96']
nat64: { pool4: [192.168.64.0/24] }
ra: { linkMtu: 1400, preference: high, health: { uplink: false } }
`
const SECOND = `lans: [{ interface: lan1, prefix: 'fd00:1:2:4::/64', router: '::53', ra: { linkMtu: 1300, managed: true, health: { uplink: false } } }]`

const health = (): { state: string; problems: readonly string[] } => {
  try {
    return JSON.parse(readFileSync(HEALTH, 'utf8'))
  } catch {
    return { state: 'none yet', problems: [] }
  }
}
const route = (host: Namespace): string => host.ip('-6 route show default').trim()

test('each LAN has its own messages; one that is taken out is withdrawn there only, and left as it was found', {
  skip,
}, async () => {
  gateway.sysctl('ipv6/conf/all/forwarding', 1)
  for (const end of [gateway, one, two]) end.sysctl('ipv6/conf/default/accept_dad', 0)
  for (const [name, host] of [
    ['lan0', one],
    ['lan1', two],
  ] as const) {
    gateway.ip(`link add ${name} type veth peer name eth0 netns ${host.pid}`)
    host.ip('link set eth0 up')
  }
  const found = gateway.ip('-o -6 address show dev lan1')
  writeFileSync(SITE, document(SECOND))
  const service = gateway.spawn(process.execPath, [MAIN], {
    SITE: `file:${SITE}`,
    STATE_DIR: join(directory, 'state'),
    HEALTH_FILE: HEALTH,
  })
  await until('state ok', () => health().state === 'ok')
  assert.match(await until('route of one', () => route(one) || undefined), / mtu 1400 .* pref high$/)
  assert.match(await until('route of two', () => route(two) || undefined), / mtu 1300 .* pref medium$/)
  assert.match(one.ip('-6 address show dev eth0'), /inet6 fd00:1:2:3:/)
  assert.doesNotMatch(one.ip('-6 address show dev eth0'), /inet6 fd00:1:2:4:/)
  const stdout = await solicit(two)
  for (const line of [
    /Stateful address conf\. +: +Yes/,
    /Prefix +: fd00:1:2:4::\/64/,
    /Recursive DNS server +: fd00:1:2:4::53/,
  ])
    assert.match(stdout, line)

  // One LAN is in trouble: said with its name, the other goes on.
  gateway.ip('link set lan1 down')
  two.ip('link set eth0 down')
  await until('the trouble', () => health().problems.some((problem) => /lan1/.test(problem)))
  assert.ok(!health().problems.some((problem) => /lan0/.test(problem)))
  assert.match(await solicit(one), /Router lifetime +: +1800 /)
  two.ip('link set eth0 up')
  await until('state ok again', () => health().state === 'ok')
  await until('route of two again', () => route(two) || undefined)

  writeFileSync(SITE, document(''))
  await until('no route of two', () => route(two) === '')
  await until('address gone', () => !gateway.ip('-o -6 address show dev lan1').includes('fd00:1:2:4::53'))
  assert.match(route(one), / mtu 1400 /)
  assert.equal(health().state, 'ok')
  await service.stop('SIGTERM')
  assert.equal(route(one), '')
  assert.equal(gateway.ip('-o -6 address show dev lan1'), found)
})
