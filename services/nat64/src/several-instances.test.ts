/** Several instances at one TUN that share mappings over a real NATS; see testkit/shared-lab.ts. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { enterNamespace, type Process } from '@sixgate/testkit'
import { labSite, SERVER_SEEN } from './testkit/gateway-lab.ts'
import { type Instance, SharedLab } from './testkit/shared-lab.ts'

const skip = enterNamespace()

const FLOWS = new URL('testkit/flows.ts', import.meta.url).pathname
const PORT = 7008
/** So many that each queue has some of them: the kernel spreads flows by a hash. */
const FLOW_COUNT = 24

/** Queues of the TUN that the process holds. */
const queuesOf = ({ running }: Instance): number => {
  const folder = `/proc/${running.child.pid}/fdinfo`
  return readdirSync(folder).filter((fd) => /^iff:\tnat64$/m.test(readFileSync(join(folder, fd), 'utf8'))).length
}

const lapsOf = (flows: Process): readonly (readonly [string, number, string])[] =>
  Array.from(flows.output.stdout.matchAll(/^lap (\d+) from (.*)$/gm), ([all, lap, from = '']) => [
    all,
    Number(lap),
    from,
  ])

/** Waits until every connection had an answer to something that it sent from now on. */
const allGoOn = async (flows: Process): Promise<void> => {
  const now = lapsOf(flows).at(-1)?.[1] ?? 0
  // What was under way now ends with the next lap, so the one after it was sent later.
  await flows.waitFor(new RegExp(`^lap ${now + 2} `, 'm'))
}

test('two instances: both carry, one host has one address at both, and none of the connections ends with one of them', {
  skip,
}, async (t) => {
  await using lab = await SharedLab.make(labSite({ more: '  fastPath: off\n' }))
  const { client, server } = lab.gateway
  const first = await lab.start()
  let second = await lab.start()
  await server.spawn(process.execPath, [FLOWS, 'serve', String(PORT)]).waitFor(/^ready$/m)
  const run = (): Process =>
    client.spawn(process.execPath, [FLOWS, 'run', SERVER_SEEN, String(PORT), String(FLOW_COUNT)])
  const flows = run()
  await flows.waitFor(/^lap 1 /m)

  await t.test('each holds a queue of the same TUN, and carries packets', async () => {
    assert.deepEqual([queuesOf(first), queuesOf(second)], [1, 1])
    await lab.carries(first)
    await lab.carries(second)
  })

  await t.test('one is killed: every connection goes on', async () => {
    await second.running.stop('SIGKILL')
    await allGoOn(flows)
  })

  await t.test(
    'another one takes its place: every connection goes on, and it carries its share of new ones',
    async () => {
      second = await lab.start()
      await allGoOn(flows)
      const more = run()
      await more.waitFor(/^lap 3 /m)
      await lab.carries(second)
      assert.deepEqual(new Set(lapsOf(more).map(([, , from]) => from)), new Set([lapsOf(flows)[0]?.[2]]))
      await more.stop()
    },
  )

  await t.test('the one that was there from the start is stopped in order: every connection goes on', async () => {
    assert.equal(await first.running.stop('SIGTERM'), 0)
    await allGoOn(flows)
  })

  assert.equal(new Set(lapsOf(flows).map(([, , from]) => from)).size, 1, 'one address all the time')
  assert.match(lapsOf(flows)[0]?.[2] ?? '', /^198\.18\.0\.\d+$/)
})

test('a new host: the answer to its first packet comes, whichever instance meets it', { skip }, async () => {
  await using lab = await SharedLab.make(labSite({ more: '  fastPath: off\n' }))
  await lab.start()
  await lab.start()
  const { client } = lab.gateway
  // The kernel chooses a queue for what is sent and for what is answered, by a hash.
  const hosts = Array.from({ length: 24 }, (_, index) => `fd00:6:4::${index + 21}`)
  for (const host of hosts) client.ip(`address add ${host}/64 dev eth0 nodad`)
  const unanswered = []
  for (const host of hosts) if ((await lab.gateway.ping(SERVER_SEEN, '-I', host)) !== 1) unanswered.push(host)
  assert.deepEqual(unanswered, [])
})

test('a used-up pool: the host is told (ICMPv6 1/3), and `sixgate events` tells the operator', { skip }, async () => {
  // Of the eight addresses three are nobody's.
  await using lab = await SharedLab.make(labSite({ pool4: '198.18.0.0/29', more: '  fastPath: off\n' }))
  await lab.nats.events('nat64')
  const instance = await lab.start()
  const { client } = lab.gateway
  const hosts = ['21', '22', '23', '24', '25', '26'].map((number) => `fd00:6:4::${number}`)
  for (const host of hosts) client.ip(`address add ${host}/64 dev eth0 nodad`)
  for (const host of hosts.slice(0, -1)) assert.equal(await lab.gateway.ping(SERVER_SEEN, '-I', host), 1, host)
  const { stdout } = await client.run('ping', '-n', '-c1', '-W5', '-I', String(hosts.at(-1)), SERVER_SEEN)
  assert.match(stdout, /Destination unreachable: Address unreachable/)
  await lab.reports.until((reports) =>
    reports.some(({ problems }) => problems.some(({ code }) => code === 'pool-exhausted')),
  )
  const following = lab.sixgate('events', '--follow', '--json')
  const [line] = await following.waitFor(/^\{.*pool-exhausted.*\}$/m).finally(() => void following.stop())
  const { at: _, ...event } = JSON.parse(line) as Record<string, unknown>
  assert.deepEqual(event, {
    service: 'nat64',
    instance: instance.name,
    revision: 1,
    kind: 'problem',
    level: 'warn',
    message: 'nat64.pool4 has no free address for a new host: enlarge it, or shorten nat64.idleLifetimeS',
    details: { code: 'pool-exhausted' },
  })
})
