import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { type Ip6, parseIp6 } from '@sixgate/addr'
import { createLogger } from '@sixgate/obs'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import type { LanPlan, LanWish } from '../core/lan-plan.ts'
import { until } from '../testkit/until.ts'
import { LanLink } from './lan-link.ts'

const skip = enterNamespace()
const here = skip === false ? Namespace.here() : ({} as Namespace)

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const WISH: LanWish = { parent: 'lan0', vlan: undefined, link: 'lan0', router: ip6('fd00::1') }

const directory = mkdtempSync(join(tmpdir(), 'sixgate-ra-'))
after(() => rmSync(directory, { recursive: true }))
const OWNED_FILE = join(directory, 'lan-link.json')

const log = createLogger({ service: 'ra-advertiser', instance: 'test', level: 'silent' })
const newLink = (): LanLink => new LanLink({ stateDir: directory, sysctlRoot: '/proc/sys/net' }, log)

/** Everything of the link that `down` must leave as it was. */
const snapshot = (name = 'lan0'): string =>
  [
    here.ip(`-o link show ${name}`).replaceAll(/ state \w+| qdisc \w+|,?(NO-CARRIER|LOWER_UP),?/g, ''),
    here.ip(`-o -6 address show dev ${name}`),
    ...['accept_ra', 'disable_ipv6', 'forwarding', 'addr_gen_mode'].map((key) =>
      readFileSync(`/proc/sys/net/ipv6/conf/${name}/${key}`, 'utf8'),
    ),
  ].join('\n')

const hasAddress = (ip: string): boolean => here.ip('-6 address show dev lan0').includes(` ${ip}/64 `)

/** A fresh lan0, off, with a neighbour that is on. */
beforeEach(() => {
  if (skip !== false) return
  here.runSync('ip', 'link', 'delete', 'lan0')
  rmSync(OWNED_FILE, { force: true })
  rmSync(join(directory, 'sysctl-originals.json'), { force: true })
  here.ip('link add lan0 type veth peer name host0')
  here.sysctl('ipv6/conf/host0/disable_ipv6', 1)
  here.ip('link set host0 up')
})

const reconcileUntilReady = async (link: LanLink, wish = WISH): Promise<NonNullable<LanPlan['ready']>> =>
  await until('a ready link', () => link.reconcile(wish).ready)

test('a link that is off becomes ready, and remove leaves it as it was found', { skip }, async () => {
  const before = snapshot()
  const link = newLink()
  const ready = await reconcileUntilReady(link)
  assert.equal(ready.name, 'lan0')
  assert.ok(hasAddress('fd00::1'))
  assert.equal(readFileSync('/proc/sys/net/ipv6/conf/lan0/accept_ra', 'utf8'), '0\n')
  link.remove()
  assert.equal(snapshot(), before)
  assert.ok(!existsSync(OWNED_FILE))
})

test('the same with a link that is on, has IPv6 switched off and an address of its own', { skip }, async () => {
  here.ip('link set lan0 up')
  here.sysctl('ipv6/conf/lan0/disable_ipv6', 1)
  const before = snapshot()
  const link = newLink()
  await reconcileUntilReady(link)
  link.remove()
  assert.equal(snapshot(), before)
})

test('what an administrator had set up stays: address, link on', { skip }, async () => {
  here.ip('link set lan0 up')
  here.ip('address add fd00::1/64 dev lan0 nodad')
  const link = newLink()
  await reconcileUntilReady(link)
  link.remove()
  assert.ok(hasAddress('fd00::1'))
  assert.match(here.ip('-o link show lan0'), /[<,]UP[,>]/)
})

test('a removed address, a link switched off and accept_ra switched on are put right again', { skip }, async () => {
  const link = newLink()
  await reconcileUntilReady(link)
  here.ip('address del fd00::1/64 dev lan0')
  await until('the address again', () => link.reconcile(WISH).ready?.routerPending === false && hasAddress('fd00::1'))
  here.ip('link set lan0 down')
  await reconcileUntilReady(link)
  assert.ok(hasAddress('fd00::1'))
  here.sysctl('ipv6/conf/lan0/accept_ra', 1)
  link.reconcile(WISH)
  assert.equal(readFileSync('/proc/sys/net/ipv6/conf/lan0/accept_ra', 'utf8'), '0\n')
})

test('no link-local address from the kernel (addr_gen_mode 1): one is made from the MAC, and removed again', {
  skip,
}, async () => {
  here.sysctl('ipv6/conf/lan0/addr_gen_mode', 1)
  here.ip('link set lan0 address 02:00:5e:10:00:01')
  here.ip('link set lan0 up')
  const before = snapshot()
  const link = newLink()
  const ready = await reconcileUntilReady(link)
  assert.deepEqual(ready.linkLocal, ip6('fe80::5eff:fe10:1'))
  link.remove()
  assert.equal(snapshot(), before)
})

test('a successor knows what its predecessor made, even one that was killed', { skip }, async () => {
  const before = snapshot()
  await reconcileUntilReady(newLink())
  const successor = newLink()
  await reconcileUntilReady(successor)
  successor.remove()
  assert.equal(snapshot(), before)
})

test('a record from another boot or namespace is forgotten, nothing is taken away for it', { skip }, async () => {
  await reconcileUntilReady(newLink())
  const record = JSON.parse(readFileSync(OWNED_FILE, 'utf8'))
  writeFileSync(OWNED_FILE, JSON.stringify({ ...record, origin: { ...record.origin, boot: 'another' } }))
  newLink().remove()
  assert.ok(hasAddress('fd00::1'))
  assert.ok(!existsSync(OWNED_FILE))
})

test('a record that cannot be read is set aside', { skip }, () => {
  writeFileSync(OWNED_FILE, '{"version":1')
  newLink()
  assert.ok(!existsSync(OWNED_FILE))
  assert.equal(readFileSync(`${OWNED_FILE}.corrupt`, 'utf8'), '{"version":1')
})

test('another router address in the document: the old one goes, the new one comes', { skip }, async () => {
  const link = newLink()
  await reconcileUntilReady(link)
  const next = { ...WISH, router: ip6('fd00::2') }
  link.remove([next])
  await reconcileUntilReady(link, next)
  assert.ok(hasAddress('fd00::2') && !hasAddress('fd00::1'))
  assert.equal(readFileSync('/proc/sys/net/ipv6/conf/lan0/accept_ra', 'utf8'), '0\n')
})

test('another interface in the document: the old one is left as it was found', { skip }, async () => {
  here.ip('link add lan1 type veth peer name host1')
  here.ip('link set host1 up')
  const before = snapshot()
  const link = newLink()
  await reconcileUntilReady(link)
  const next = { ...WISH, parent: 'lan1', link: 'lan1' }
  link.remove([next])
  assert.equal(snapshot(), before)
  await reconcileUntilReady(link, next)
  link.remove()
  here.ip('link delete lan1')
})

test('an interface that somebody deletes and makes anew is taken over; what was made on the old one is forgotten', {
  skip,
}, async () => {
  const link = newLink()
  const first = await reconcileUntilReady(link)
  here.ip('link delete lan0')
  const gone = link.reconcile(WISH)
  assert.deepEqual(
    gone.problems.map(({ code }) => code),
    ['lan-link-missing'],
  )
  assert.ok(!existsSync(OWNED_FILE))
  here.ip('link add lan0 type veth peer name host0')
  here.ip('link set host0 up')
  const second = await reconcileUntilReady(link)
  assert.notEqual(second.ifindex, first.ifindex)
})

test('another node has the router address: said, and healed once it has gone', { skip }, async () => {
  here.sysctl('ipv6/conf/host0/disable_ipv6', 0)
  here.ip('address add fd00::1/64 dev host0 nodad')
  const link = newLink()
  const problem = await until('the problem', () =>
    link.reconcile(WISH).problems.find(({ code }) => code === 'lan-address-duplicate'),
  )
  assert.match(problem.message, /fd00::1 \(lan\.router\) is used by another node on lan0/)
  link.retryDuplicates()
  await until('refused again', () => link.reconcile(WISH).problems.length > 0)
  here.ip('address del fd00::1/64 dev host0')
  link.retryDuplicates()
  await until('accepted', () => {
    const { problems, ready } = link.reconcile(WISH)
    return problems.length === 0 && ready?.routerPending === false
  })
})

test('a VLAN: made and removed where the kernel knows 802.1q, else said with the way out', { skip }, async () => {
  const before = snapshot()
  const link = newLink()
  const wish = { ...WISH, vlan: 2, link: 'lan0.2' }
  const knows = here.runSync('ip', 'link', 'add', 'probe0', 'link', 'lan0', 'type', 'vlan', 'id', '9').status === 0
  if (knows) {
    here.ip('link delete probe0')
    await reconcileUntilReady(link, wish)
    here.ip('link delete lan0.2')
    const ready = await reconcileUntilReady(link, wish)
    assert.equal(ready.name, 'lan0.2')
    link.remove()
    assert.notEqual(here.runSync('ip', 'link', 'show', 'lan0.2').status, 0)
  } else {
    const { problems } = link.reconcile(wish)
    assert.deepEqual(
      problems.map(({ code }) => code),
      ['lan-vlan-unsupported'],
    )
    assert.match(problems[0]?.message ?? '', /this kernel has no 802\.1q support .* load the module on the host/)
    link.remove()
  }
  assert.equal(snapshot(), before)
})

test('a state directory that cannot be written: said, and nothing is made', { skip }, () => {
  const before = snapshot()
  const link = new LanLink({ stateDir: '/sys/nowhere', sysctlRoot: '/proc/sys/net' }, log)
  const { problems } = link.reconcile(WISH)
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['state-unwritable'],
  )
  assert.match(problems[0]?.message ?? '', /STATE_DIR must be a writable directory/)
  assert.equal(snapshot(), before)
})

test('SYSCTL_ROOT is not mounted: said, and nothing is made', { skip }, () => {
  const before = snapshot()
  const link = new LanLink({ stateDir: directory, sysctlRoot: join(directory, 'no-such-root') }, log)
  const { problems } = link.reconcile(WISH)
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['host-refused'],
  )
  assert.match(problems[0]?.message ?? '', /mount \/proc\/sys\/net there or correct SYSCTL_ROOT/)
  assert.equal(snapshot(), before)
})
