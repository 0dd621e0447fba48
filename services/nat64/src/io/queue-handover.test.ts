import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { AF, deleteLink, libc, setAddrGenMode, setLinkUp, SOCK } from '@sixgate/host'
import { AS_NOBODY, enterNamespace, Namespace } from '@sixgate/testkit'
import { icmp4, ip4 } from '../testkit/packet-builder.ts'
import { OWN4, SERVER } from '../testkit/core-lab.ts'
import { PacketSocket } from '../testkit/packet-socket.ts'
import type { HeirSaid } from '../testkit/queue-heir.ts'
import { plain } from '../testkit/vectors/vector.ts'
import { handOver, hasPeer, takeSpareQueue } from './queue-handover.ts'
import { attachTun, isQueueOf } from './tun.ts'

const skip = enterNamespace()
const TUN = 'inherited'
/** Fewer than a queue holds. */
const WAITING = 500
const PACKET = plain(ip4({ src: SERVER, dst: OWN4 }, icmp4({ type: 8, rest: 1 })))

/** Another instance, which runs until the test ends. */
const heir = async (own = 0) => {
  const end = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { tunName: TUN, own, end }
  const worker = new Worker(new URL('../testkit/queue-heir.ts', import.meta.url), { workerData })
  const ended = once(worker, 'exit')
  const next = async (): Promise<HeirSaid> => ((await once(worker, 'message')) as [HeirSaid])[0]
  assert.deepEqual(await next(), { kind: 'listening' })
  return {
    next,
    [Symbol.asyncDispose]: async () => {
      Atomics.store(end, 0, 1)
      await ended
    },
  }
}

/** Queues that the device has at the moment. */
const queuesOfDevice = (): number =>
  Namespace.here()
    // /sys shows the network namespace that it was mounted in.
    .sh('unshare', '--mount', 'sh', '-c', `mount -t sysfs sysfs /sys && ls /sys/class/net/${TUN}/queues`)
    .split('\n')
    .filter((name) => name.startsWith('tx-')).length

before(() => {
  if (skip !== false) return
  libc.closeFd(attachTun(TUN).fd)
  setAddrGenMode(TUN, 'none')
  setLinkUp(TUN, true)
})
after(() => {
  if (skip === false) deleteLink(TUN)
})

test('what waits in the queue of one that ends is read by the other, all of it', { skip }, async () => {
  const { fd } = attachTun(TUN)
  const kernel = new PacketSocket(TUN)
  for (let count = 0; count < WAITING; count++) kernel.send(PACKET)
  await using other = await heir()
  const [socket] = libc.socketpair(AF.UNIX, SOCK.DGRAM)
  // Longer than a message may be.
  const connections = JSON.stringify(Array.from({ length: 100_000 }, (_, index) => `connection ${index}`))
  assert.equal(handOver(TUN, { queues: [fd], gateway: { fd: socket, connections } }), true)
  libc.closeFd(fd)
  libc.closeFd(socket)
  assert.deepEqual(await other.next(), { kind: 'got', queues: 1, packets: WAITING, connections })
  kernel.close()
})

test('nobody is there: nothing is handed over, and there is no spare queue', { skip }, () => {
  const { fd } = attachTun(TUN)
  assert.equal(hasPeer(TUN), false)
  assert.equal(handOver(TUN, { queues: [fd], gateway: undefined }), false)
  assert.equal(takeSpareQueue(TUN), undefined)
  libc.closeFd(fd)
})

test('who begins gets a spare queue of another one, but not its last', { skip }, async () => {
  await using other = await heir(2)
  assert.equal(hasPeer(TUN), true)
  assert.equal(queuesOfDevice(), 2)
  const spare = takeSpareQueue(TUN) ?? assert.fail('no queue')
  assert.deepEqual(await other.next(), { kind: 'asked', left: 1 })
  assert.ok(isQueueOf(TUN, spare))
  assert.equal(takeSpareQueue(TUN), undefined)
  assert.equal(queuesOfDevice(), 2, 'none was closed, none was made')
  libc.closeFd(spare)
})

test('what is no queue of this TUN is closed and not taken', { skip }, async () => {
  const foreign = attachTun('foreign').fd
  const [socket] = libc.socketpair(AF.UNIX, SOCK.DGRAM)
  await using other = await heir()
  handOver(TUN, { queues: [foreign, socket], gateway: undefined })
  assert.deepEqual(await other.next(), { kind: 'got', queues: 0, packets: 0, connections: undefined })
  for (const fd of [foreign, socket]) libc.closeFd(fd)
  deleteLink('foreign')
})

test('who is not root gets no queue', { skip }, async () => {
  await using other = await heir(2)
  const url = new URL('queue-handover.ts', import.meta.url).href
  const script = `const { takeSpareQueue } = await import('${url}'); console.log(takeSpareQueue('${TUN}') ?? 'nothing')`
  const args = [...AS_NOBODY, process.execPath, '--input-type=module', '--eval', script]
  const { stdout, stderr } = await Namespace.here().run('setpriv', ...args)
  assert.equal(stdout.trim(), 'nothing', stderr)
  assert.equal(queuesOfDevice(), 2)
  // Root is served all the same, so it was heard.
  assert.notEqual(takeSpareQueue(TUN), undefined)
  assert.deepEqual(await other.next(), { kind: 'asked', left: 1 })
})
