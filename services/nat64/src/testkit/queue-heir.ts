/**
 * Another instance of a host, as a worker thread: it answers whoever speaks to it. `workerData`: the name of the TUN, how many queues
 * of its own it attaches, and a shared number that ends it. It posts `listening`; then, for each instance that ends, how many packets waited in the queues that it
 * got, and what it was told of the gateways' connections; after a request for a spare queue, what it has left.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { libc, nativeBuffer, untilReadable } from '@sixgate/host'
import { QueueHandover } from '../io/queue-handover.ts'
import { attachTun } from '../io/tun.ts'

/** What is posted. */
export type HeirSaid =
  | { readonly kind: 'listening' }
  | {
      readonly kind: 'got'
      readonly queues: number
      readonly packets: number
      readonly connections: string | undefined
    }
  | { readonly kind: 'asked'; readonly left: number }

const BUFFER_BYTES = 70_000
const { tunName, own, end } = workerData as { tunName: string; own: number; end: Int32Array }
const say = (said: HeirSaid): void => parentPort?.postMessage(said)

const buffer = nativeBuffer(BUFFER_BYTES)
const packetsIn = (queue: number): number => {
  let packets = 0
  while (libc.read(queue, buffer.address, BUFFER_BYTES) >= 0) packets += 1
  return packets
}

const queues = Array.from({ length: own }, () => attachTun(tunName).fd)
const peers = new QueueHandover(tunName)
say({ kind: 'listening' })
while (Atomics.load(end, 0) === 0) {
  if (!untilReadable(peers.fd, 20)) continue
  peers.answer({
    onEstate: (estate) => {
      queues.push(...estate.queues)
      const packets = estate.queues.reduce((sum, queue) => sum + packetsIn(queue), 0)
      say({ kind: 'got', queues: estate.queues.length, packets, connections: estate.gateway?.connections })
    },
    onSpare: () => {
      const spare = queues.length > 1 ? queues.pop() : undefined
      say({ kind: 'asked', left: queues.length })
      return spare
    },
  })
}
// Descriptors are the process's: they would outlive the thread.
for (const queue of queues) libc.closeFd(queue)
peers.close()
