import assert from 'node:assert/strict'
import { afterEach, type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { parseIp6, parsePrefix4 } from '@sixgate/addr'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { addAddress, addresses } from './addresses.ts'
import { link, links, setLinkUp } from './links.ts'
import { addRoute, routes } from './routes.ts'
import { type NetworkEvent, type NetworkInterest, watchNetwork } from './watch.ts'

const skip = enterNamespace()
const here = (): Namespace => Namespace.here()
const cable = (): void => {
  here().ip('link add p0 index 300 type veth peer name p1 index 301')
}

/** Collects events; `until` resolves with all of them once one that fits has come. */
const collect = (t: TestContext, interest: NetworkInterest) => {
  const events: NetworkEvent[] = []
  let wake = (): void => {}
  const stop = watchNetwork(interest, (event) => {
    events.push(event)
    wake()
  })
  t.after(stop)
  const until = async (fits: (event: NetworkEvent) => boolean): Promise<readonly NetworkEvent[]> => {
    while (!events.some(fits)) await new Promise<void>((resolve) => (wake = resolve))
    return events
  }
  return { events, until, stop }
}

afterEach(() => {
  if (skip === false) here().runSync('ip', 'link', 'delete', 'p0')
})

test('each kind of change is told apart, and only what is of interest comes', { skip, timeout: 20_000 }, async (t) => {
  const all = collect(t, { links: true, addresses: true, routes: true })
  const onlyRoutes = collect(t, { routes: true })
  cable()
  await all.until((event) => event.links)
  setLinkUp('p0', true)
  setLinkUp('p1', true)
  addAddress({ ifindex: 300, ip: parseIp6('2001:db8::1') ?? assert.fail(), lenBits: 64, noDad: true })
  await all.until((event) => event.addresses)
  addRoute({ dst: parsePrefix4('198.51.100.0/24') ?? assert.fail(), ifindex: 300 })
  await all.until((event) => event.routes)
  const seen = await onlyRoutes.until((event) => event.routes)
  assert.ok(seen.every((event) => event.routes && !event.links && !event.addresses && !event.lost))
})

test('changes of one turn of the event loop are one event', { skip, timeout: 20_000 }, async (t) => {
  cable()
  const watch = collect(t, { links: true })
  for (let turn = 0; turn < 20; turn++) setLinkUp('p0', turn % 2 === 0)
  const events = await watch.until((event) => event.links)
  assert.deepEqual(events, [{ links: true, addresses: false, routes: false, lost: false }])
})

test('a link that another process removes and makes again', { skip, timeout: 20_000 }, async (t) => {
  cable()
  const watch = collect(t, { links: true })
  const before = link('p1')?.index
  await here().run('sh', '-c', 'ip link del p0; ip link add p0 type veth peer name p1')
  await watch.until((event) => event.links)
  assert.notEqual(link('p1')?.index, before)
})

test('notifications that the kernel had to drop are reported as lost', { skip, timeout: 20_000 }, async (t) => {
  cable()
  setLinkUp('p0', true)
  const watch = collect(t, { routes: true })
  // Blocking, so that nothing reads the socket meanwhile.
  const batch =
    'for a in $(seq 20); do for b in $(seq 250); do echo "route add 10.$a.$b.0/24 dev p0"; done; done | ip -batch -'
  here().sh('sh', '-c', batch)
  const events = await watch.until((event) => event.lost)
  assert.deepEqual(
    events.filter((event) => event.lost),
    [{ links: false, addresses: false, routes: true, lost: true }],
  )
  assert.equal(routes({ family: 4 }).filter((route) => route.protocol === 3).length, 5000)
  // It goes on working after that.
  const soFar = new Set(events)
  setLinkUp('p0', false)
  await watch.until((event) => !soFar.has(event))
})

test('stopping is final, may be repeated, and lets the process end', { skip, timeout: 20_000 }, async (t) => {
  cable()
  const watch = collect(t, { links: true, addresses: true, routes: true })
  watch.stop()
  watch.stop()
  const other = collect(t, { links: true })
  setLinkUp('p0', true)
  await other.until((event) => event.links)
  assert.deepEqual(watch.events, [])
  const index = new URL('../index.ts', import.meta.url).pathname
  const script = `import { watchNetwork, links } from ${JSON.stringify(index)}; const stop = watchNetwork({ links: true }, () => {}); links(); stop()`
  assert.equal((await here().run(process.execPath, '--input-type=module', '-e', script)).status, 0)
})

test('stopping from inside the event', { skip, timeout: 20_000 }, async () => {
  cable()
  await new Promise<void>((resolve) => {
    const stop = watchNetwork({ links: true }, () => {
      stop()
      resolve()
    })
    setLinkUp('p0', true)
  })
  assert.ok(links().length > 0)
})

test('in a worker thread too, with a socket of its own', { skip, timeout: 20_000 }, async () => {
  cable()
  const index = new URL('../index.ts', import.meta.url).href
  const code = `
    const { parentPort } = require('node:worker_threads')
    import(${JSON.stringify(index)}).then(({ watchNetwork, links }) => {
      const stop = watchNetwork({ links: true }, (event) => { stop(); parentPort.postMessage([event, links().length]) })
      parentPort.postMessage('watching')
    })`
  const worker = new Worker(code, { eval: true })
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  const messages: unknown[] = []
  await new Promise<void>((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', (message) => {
      messages.push(message)
      if (message === 'watching') setLinkUp('p0', true)
      else resolve()
    })
  })
  assert.deepEqual(messages, [
    'watching',
    [{ links: true, addresses: false, routes: false, lost: false }, links().length],
  ])
  assert.equal(await ended, 0)
  assert.ok(addresses().length > 0)
})
