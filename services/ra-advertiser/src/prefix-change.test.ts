import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { formatPrefix } from '@sixgate/addr'
import { putStoppingMark, removeStoppingMark } from '@sixgate/bus'
import { enterNamespace } from '@sixgate/testkit'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, type Heard, heardBy, natsWith, optionsOf, siteOf } from './testkit/gateway-lab.ts'
import { solicit } from './testkit/solicit.ts'
import { until } from './testkit/until.ts'

/** The LAN prefix changes (RFC 9096 §3.5), and prefixes that somebody else puts on the link. */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { gateway, host } = lab
afterEach(async () => await lab.killAll())
after(async () => await lab.close())

const [FIRST, SECOND, THIRD] = ['fd00:1:2:3::/64', 'fd00:1:2:4::/64', 'fd00:1:2:5::/64'] as const
const withPrefix = (prefix: string): string => siteOf({}, { lan: { interface: 'lan0', prefix } })

/** `prefix valid/preferred` of each prefix option. */
const prefixes = (ra: Heard): string[] =>
  optionsOf(ra, 'pio').map((pio) => `${formatPrefix(pio.prefix)} ${pio.validLifetimeS}/${pio.preferredLifetimeS}`)
const full = (prefix: string): string => `${prefix} 86400/14400`
const gone = (prefix: string): string => `${prefix} 0/0`

const addressIn = (start: string): string =>
  host
    .ip('-o -6 address show dev eth0')
    .split('\n')
    .find((line) => line.includes(` ${start}`)) ?? ''

test('another prefix: hosts stop using the old one at once; remembered over a crash, a down and a change while down', {
  skip,
}, async (t) => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(withPrefix(FIRST))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  const says = async (...expected: string[]): Promise<void> =>
    void (await until(expected.join(', '), () => prefixes(heardBy(port).at(-1) as Heard).join() === expected.join()))
  const first = lab.start(nats, 'a')
  await until('a message', () => heardBy(port)[0])
  await says(full(FIRST))
  await until('an address', () => addressIn('fd00:1:2:3:') !== '')
  await nats.publish(withPrefix(SECOND))
  await says(full(SECOND), gone(FIRST))
  await until('the old address deprecated', () => /deprecated.* preferred_lft 0sec/.test(addressIn('fd00:1:2:3:')))
  await until('the new address', () => addressIn('fd00:1:2:4:') !== '')
  assert.doesNotMatch(addressIn('fd00:1:2:4:'), /deprecated/)

  await first.process.stop('SIGKILL')
  port.frames.length = 0
  const second = lab.start(nats, 'a')
  await until('a message', () => heardBy(port)[0])
  await says(full(SECOND), gone(FIRST))

  await putStoppingMark(await nats.connectedLink(), Date.now())
  assert.equal(await second.process.stop('SIGTERM'), 0)
  await removeStoppingMark(await nats.connectedLink())
  await nats.publish(withPrefix(THIRD))
  port.frames.length = 0
  lab.start(nats, 'a')
  await until('a message', () => heardBy(port)[0])
  await says(full(THIRD), gone(FIRST), gone(SECOND))
})

test('ra.interfacePrefixes: a delegated prefix on the link is advertised until it ends, then deprecated', {
  skip,
}, async (t) => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf({ interfacePrefixes: true }))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  lab.start(nats, 'a')
  await until('a message', () => heardBy(port)[0])
  assert.deepEqual(prefixes(heardBy(port)[0] as Heard), [full(FIRST)])
  gateway.ip('address add 2001:db8:7::1/64 dev lan0 valid_lft 3000 preferred_lft 1000')
  const heard = await until('the delegated prefix', () => heardBy(port).find((ra) => optionsOf(ra, 'pio').length === 2))
  const [, delegated = assert.fail()] = optionsOf(heard, 'pio')
  assert.equal(formatPrefix(delegated.prefix), '2001:db8:7::/64')
  assert.ok(delegated.validLifetimeS <= 3000 && delegated.validLifetimeS > 2900, `${delegated.validLifetimeS}`)
  assert.ok(
    delegated.preferredLifetimeS <= 1000 && delegated.preferredLifetimeS > 900,
    `${delegated.preferredLifetimeS}`,
  )
  await until('a global address', () => addressIn('2001:db8:7:') !== '')
  // The kernel counts down, and so do the messages: they know what it said within the last second.
  const validNow = async (): Promise<number> => {
    const stdout = await solicit(host)
    return Number(/2001:db8:7::\/64[^]*?Valid time +: +(\d+)/.exec(stdout)?.[1])
  }
  assert.ok((await validNow()) <= delegated.validLifetimeS)
  const before = await validNow()
  await until('a shorter lifetime', async () => (await validNow()) < before)

  gateway.ip('address delete 2001:db8:7::1/64 dev lan0')
  await until('deprecated', () => heardBy(port).flatMap(prefixes).includes(gone('2001:db8:7::/64')))
  await until('the host has it deprecated', () => /deprecated/.test(addressIn('2001:db8:7:')))
})
