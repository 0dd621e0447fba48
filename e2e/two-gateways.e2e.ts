/*
 * Two gateways on one LAN with NATS of three machines (topologies/two-gateways.ts): what a host notices when one of them dies, comes
 * back, is stopped, or when NATS has no majority. Times are printed as they were; what is asserted is that traffic goes on.
 */
import assert from 'node:assert/strict'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { ROOT } from './harness/engine.ts'
import { netnsState, stateDifference } from './harness/netns-state.ts'
import { runIn } from './harness/netns.ts'
import { type Outage, startTraffic } from './harness/outage.ts'
import { siteStatus } from './harness/site-status.ts'
import { until, untilTrue } from './harness/until.ts'
import { CLIENT, WEB_ADDRESSES } from './topologies/home.ts'
import { buildTwoGateways, clearTwoGateways, type Machine, type TwoGateways } from './topologies/two-gateways.ts'
import { mapped } from './transcript/facts.ts'

const SERVER = mapped(WEB_ADDRESSES[0])
/** Far more than anything here takes. */
const PATIENCE_S = 240
/** RFC 4861 §7.3.3 and §10: REACHABLE_TIME × 1.5, DELAY_FIRST_PROBE_TIME, three probes; and a getent that waits for the first server. */
const FAILOVER_S = 45 + 5 + 3 + 20
/** Traffic is sent several times a second; more than this is a hole in it. */
const UNNOTICED_S = 3

const document = async (ra = ''): Promise<string> => {
  const text = await readFile(join(ROOT, 'e2e/site/site.yaml'), 'utf8')
  return `${text.replace('  linkMtu: 1500', `  linkMtu: 1500\n  knownRouters: []\n${ra}`)}
firewall:
  inbound: [{ protocol: tcp, port: 6222 }]   # NATS of the other machines

gateways:
  - { name: a, router: "::1", preference: high }
  - { name: b, router: "::2" }
`
}

const machineBefore = await netnsState({ pid: process.pid })

async function bringUp(): Promise<TwoGateways> {
  const site = await buildTwoGateways(await document())
  try {
    await site.c.stack.compose(['up', '-d', '--no-build', 'nats'], PATIENCE_S)
    for (const { stack } of [site.a, site.b]) await stack.compose(['up', '-d', '--no-build'], PATIENCE_S)
    return site
  } catch (error) {
    // What NATS said is gone with its containers.
    for (const { name, stack } of [site.a, site.b, site.c]) {
      const { stdout } = await stack.tryCompose(['logs', '--no-color', '--tail', '40', 'nats'])
      const health = await stack.health('nats')
      process.stderr.write(`NATS of ${name}:\n${stdout}${health}\n`)
    }
    await clearTwoGateways()
    throw error
  }
}

const site = await bringUp()
const { a, b, c, home, client } = site

/** Every service of both gateways is ok, asked at this one. */
const converged = async ({ stack }: Machine): Promise<void> => {
  await until('every service of both gateways is well', PATIENCE_S, async () => {
    const status = await siteStatus(stack)
    if (status.isConverged) return true
    throw new Error(JSON.stringify(status))
  })
}

/** Default routes of the client: `link-local address preference`. */
const routers = async (): Promise<string[]> => {
  const { stdout } = await runIn(client, ['ip', '-6', 'route', 'show', 'default'])
  return [...stdout.matchAll(/via (fe80::\S+).*pref (\w+)/g)].map(([, router, preference]) => `${router} ${preference}`)
}
const linkLocalOf = async ({ netns }: Machine): Promise<string> => {
  const { stdout } = await runIn(netns, ['ip', '-6', 'address', 'show', 'dev', 'lan0', 'scope', 'link'])
  return /inet6 (fe80::\S+)\//.exec(stdout)?.[1] ?? assert.fail(`no link-local address: ${stdout}`)
}

/** What came of a test, for people. */
const say = (t: TestContext, what: string, outages: Readonly<Record<string, Outage>>): void => {
  for (const [kind, { longestS, good, failed }] of Object.entries(outages))
    t.diagnostic(
      `${what}: ${kind}: at most ${longestS.toFixed(1)} s without an answer (${good} good, ${failed} failed)`,
    )
}

/** Traffic while `strike` happens, until each kind works again afterwards, and for a while more. */
const under = async (
  t: TestContext,
  what: string,
  strike: () => Promise<unknown>,
): Promise<Readonly<Record<string, Outage>>> => {
  const traffic = await startTraffic(CLIENT, SERVER)
  const runs = Date.now() / 1000
  await untilTrue('traffic before', PATIENCE_S, async () => await traffic.hasAnswersSince(runs))
  await strike()
  const struck = Date.now() / 1000
  await untilTrue(`traffic after: ${what}`, FAILOVER_S * 2, async () => await traffic.hasAnswersSince(struck + 1))
  const outages = await traffic.finish()
  say(t, what, outages)
  return outages
}

/** No kind was without an answer for longer than a host takes that finds out by itself. Called once all machines are up, so that the next test has them. */
const assertShort = (outages: Readonly<Record<string, Outage>>): void => {
  for (const [kind, { longestS }] of Object.entries(outages)) assert.ok(longestS < FAILOVER_S, `${kind}: ${longestS} s`)
}

const up = async (machine: Machine): Promise<void> => {
  await site.powerOn(machine)
  await machine.stack.compose(['up', '-d', '--no-build'], PATIENCE_S)
  await converged(machine)
  await untilTrue('the client has both routers again', PATIENCE_S, async () => (await routers()).length === 2)
}

describe('two gateways', () => {
  after(() => site[Symbol.asyncDispose]())

  it('status at either shows every service of both', async (t) => {
    for (const machine of [a, b]) {
      await converged(machine)
      const { stdout } = await machine.stack.sixgate(['status'])
      assert.match(stdout, /in force everywhere/)
      if (machine === b) t.diagnostic(`\n${stdout}`)
    }
  })

  it('the client has both as routers, one preferred, and both as name servers', async () => {
    const expected = [`${await linkLocalOf(a)} high`, `${await linkLocalOf(b)} medium`].toSorted()
    await until('both routes', PATIENCE_S, async () => {
      const found = (await routers()).toSorted()
      assert.deepEqual(found, expected)
      return true
    })
    await untilTrue('both name servers', PATIENCE_S, async () => {
      const { output } = await home.client.type('cat /etc/resolv.conf')
      return output.includes('nameserver fd00:6:4::1\n') && output.includes('nameserver fd00:6:4::2\n')
    })
    const { output } = await home.client.type('rdisc6 -w 4000 eth0')
    assert.match(output, /Router preference +: +high/)
    assert.match(output, /Router preference +: +medium/)
  })

  it('neither is a rogue router to the other', async () => {
    await until('they have heard each other', PATIENCE_S, async () => {
      const { stdout } = await a.stack.sixgate(['ra', 'neighbours', '--json'])
      const { routers: seen } = JSON.parse(stdout) as { routers: { gateway: string; findings: unknown[] }[] }
      assert.deepEqual(seen.map(({ gateway }) => gateway).toSorted(), ['a', 'b'])
      assert.deepEqual(
        seen.flatMap(({ findings }) => findings),
        [],
      )
      return true
    })
  })

  it('a host has one pool address, whichever gateway it goes through', async () => {
    const hostsAt = async ({ stack }: Machine): Promise<string[]> => {
      const { stdout } = await stack.sixgate(['hosts', '--json'])
      const { hosts } = JSON.parse(stdout) as { hosts: { ip6: string; ip4: string }[] }
      return hosts.map(({ ip6, ip4 }) => `${ip6} ${ip4}`)
    }
    const arrives = async (): Promise<boolean> => (await home.client.type(`ping6 -c 1 -W 2 ${SERVER}`)).code === 0
    await untilTrue('a ping through a', PATIENCE_S, arrives)
    const first = await hostsAt(a)
    assert.equal(first.length, 1)
    await home.client.type(`ip -6 route add 64:ff9b::/96 via ${await linkLocalOf(b)} dev eth0`)
    await untilTrue('a ping through b', PATIENCE_S, arrives)
    const { stdout } = await runIn(b.netns, ['ip', '-s', '-j', 'link', 'show', 'nat64'])
    assert.ok((JSON.parse(stdout) as [{ stats64: { tx: { packets: number } } }])[0].stats64.tx.packets > 0)
    await home.client.type('ip -6 route delete 64:ff9b::/96')
    assert.deepEqual([await hostsAt(a), await hostsAt(b)], [first, first])
  })

  it('the document is changed at a, and b follows', async () => {
    await converged(b)
    const file = join(home.siteDir, 'site.yaml')
    const write = async (text: string): Promise<void> => {
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
    }
    const before = (await siteStatus(b.stack)).revision
    await write(await document('  maxRtrAdvIntervalS: 30\n'))
    await untilTrue('a newer revision at b', PATIENCE_S, async () => (await siteStatus(b.stack)).revision > before)
    await converged(b)
    const { code, stderr } = await b.stack.sixgate(['config', 'apply'])
    assert.equal(code, 1)
    assert.match(stderr, /the console a-[0-9a-f]{12} publishes the site document/)
  })

  it('the preferred gateway dies: the other one carries on', async (t) => {
    const outages = await under(t, 'a (preferred) without power', async () => await site.powerOff(a))
    assertShort(outages)
    // Its RA said more than a minute: the other one took that back.
    assert.deepEqual(await routers(), [`${await linkLocalOf(b)} medium`])
    const { output } = await home.client.type('cat /etc/resolv.conf')
    assert.deepEqual(output.match(/fd00:6:4::[12]\b/g), ['fd00:6:4::2'])
    assert.match(await untilGone(b), /a +ra-advertiser +\S+ +\S+ of \d+ +gone|a +ra-advertiser +- +- +gone/)
  })

  it('it comes back: it is preferred again, and nothing is lost', async (t) => {
    const outages = await under(t, 'a comes back', async () => await up(a))
    const high = `${await linkLocalOf(a)} high`
    await untilTrue('a is preferred', PATIENCE_S, async () => (await routers()).includes(high))
    assertShort(outages)
  })

  it('the other gateway dies: the preferred one carries on', async (t) => {
    const outages = await under(t, 'b without power', async () => await site.powerOff(b))
    await up(b)
    assertShort(outages)
  })

  it('NATS without a majority: both keep working, and say it once it is back', async (t) => {
    const outages = await under(t, 'NATS of b and c killed', async () => {
      for (const { stack } of [b, c]) await stack.compose(['kill', 'nats'])
      await untilTrue(
        'a has no leader',
        PATIENCE_S,
        async () => (await a.stack.sixgate(['status', '--json'])).code !== 0,
      )
    })
    const routersThen = await routers()
    for (const { stack } of [b, c]) await stack.compose(['up', '-d', '--no-build', 'nats'], PATIENCE_S)
    for (const machine of [a, b]) await converged(machine)
    assertShort(outages)
    assert.equal(routersThen.length, 2)
  })

  it('docker compose restart nats at a gateway: its services go on, and it is one of three again', async (t) => {
    for (const machine of [a, b]) {
      const outages = await under(t, `docker compose restart nats at ${machine.name}`, async () => {
        await machine.stack.compose(['restart', 'nats'], PATIENCE_S)
        for (const one of [a, b]) await converged(one)
      })
      for (const [kind, { longestS }] of Object.entries(outages))
        assert.ok(longestS < UNNOTICED_S, `${kind}: ${longestS} s`)
      assert.equal((await routers()).length, 2)
    }
    // Each of both is heard by the others: a and b have a majority without c.
    await c.stack.compose(['kill', 'nats'])
    for (const machine of [a, b]) await converged(machine)
    await c.stack.compose(['up', '-d', '--no-build', 'nats'], PATIENCE_S)
  })

  it('docker compose down at b takes away what is b’s, and nothing of a', async (t) => {
    const before = await netnsState(a.netns)
    const outages = await under(
      t,
      'docker compose down at b',
      async () => await b.stack.compose(['down', '-t', '15'], PATIENCE_S),
    )
    const changesAtA = stateDifference(before, await netnsState(a.netns))
    const tunAtB = await runIn(b.netns, ['ip', 'link', 'show', 'nat64'])
    await up(b)
    assertShort(outages)
    assert.deepEqual(changesAtA, [])
    assert.equal(tunAtB.code, 1)
  })

  it('docker compose down at a: hosts are told at once', async (t) => {
    const outages = await under(
      t,
      'docker compose down at a',
      async () => await a.stack.compose(['down', '-t', '15'], PATIENCE_S),
    )
    await up(a)
    assertShort(outages)
  })
})

/** The table of `sixgate status` at a machine, once the other gateway is gone there. */
const untilGone = async ({ stack }: Machine): Promise<string> =>
  await until('the other gateway is gone in the table', PATIENCE_S, async () => {
    const { stdout } = await stack.sixgate(['status'])
    return /^a +ra-advertiser.* gone/m.test(stdout) ? stdout : undefined
  })

describe("this machine's own network", () => {
  it('is as it was', async () => {
    assert.deepEqual(stateDifference(machineBefore, await netnsState({ pid: process.pid })), [])
  })
})
