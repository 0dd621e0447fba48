import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Lab, Namespace } from './index.ts'

const skip = enterNamespace()

test('the test file runs in a namespace of its own, with lo up', { skip }, () => {
  const here = Namespace.here()
  assert.equal(here.id, readlinkSync('/proc/self/ns/net'))
  assert.notEqual(here.id, readlinkSync(`/proc/${process.ppid}/ns/net`))
  assert.match(here.ip('-o link'), /^1: lo: <LOOPBACK,UP/)
})

test('a cable carries packets between two namespaces at once', { skip }, async () => {
  await using lab = new Lab()
  const [client, router] = [await lab.namespace('client'), await lab.namespace('router')]
  lab.cable(
    { in: client, name: 'eth0', addresses: ['2001:db8::2/64', '192.0.2.2/24'] },
    { in: router, name: 'lan0', addresses: ['2001:db8::1/64', '192.0.2.1/24'] },
  )
  client.sh('ping', '-c1', '-W5', '2001:db8::1')
  client.sh('ping', '-c1', '-W5', '192.0.2.1')
  assert.throws(
    () => client.ip('link show lan0'),
    /^Error: client: ip link show lan0: status 1\nDevice "lan0" does not exist/,
  )
})

test('an interface without carrier is not waited for without end', { skip }, async (t) => {
  await using lab = new Lab()
  const box = await lab.namespace('box')
  box.ip('link add eth0 type veth peer name eth1')
  box.ip('link set eth0 up')
  // The deadline has passed at the second look at the clock.
  let now = 0
  t.mock.method(performance, 'now', () => (now += 15_000))
  assert.throws(() => box.waitUp('eth0'), /^Error: box: eth0 has no carrier$/)
})

test('a server inside is told apart by its output and ended with the lab', { skip }, async () => {
  const lab = new Lab()
  const box = await lab.namespace('box')
  const server = box.spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(7, () => console.log('listening on', this.process.pid))`,
  ])
  const [, pid] = await server.waitFor(/listening on (\d+)/)
  assert.match(box.sh('ss', '-Hltn'), /:7\b/)
  assert.equal(Number(pid), server.child.pid)
  await assert.rejects(
    box.spawn('sh', ['-c', 'echo oops; exit 3']).waitFor(/never/),
    /ended with status 3 before \/never\/\noops/,
  )
  await lab.close()
  assert.ok(!existsSync(`/proc/${pid}`))
})

/** A zombie that waits to be reaped by somebody else has no namespaces any more. */
const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}/ns/net`)

test('nothing is left when the test process is killed', { skip, timeout: 20_000 }, async (t) => {
  const index = fileURLToPath(new URL('index.ts', import.meta.url))
  const script = `
    import { Lab } from ${JSON.stringify(index)}
    const lab = new Lab()
    const box = await lab.namespace('box')
    const sleeper = box.spawn('sleep', ['1000'])
    console.log(JSON.stringify([box.pid, sleeper.child.pid]))
    setInterval(() => {}, 1000)`
  const victim = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(victim.stdout.setEncoding('utf8'), 'data')
  const pids = JSON.parse(String(line)) as number[]
  assert.equal(pids.length, 2)
  // At once: `sleep` may not even have begun to be a process of its own.
  assert.ok(pids.every(isRunning))
  victim.kill('SIGKILL')
  await once(victim, 'close')
  // They are no children of this process, so their end is no event here; the loop ends with them or at the test's timeout.
  while (pids.some(isRunning)) {
    t.signal.throwIfAborted()
    await new Promise(setImmediate)
  }
})
