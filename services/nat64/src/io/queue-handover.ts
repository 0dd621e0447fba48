import { fstatSync, readSync, writeFileSync } from 'node:fs'
import {
  connectAbstract,
  libc,
  listenAbstract,
  type MessageWithDescriptors,
  peerUser,
  receiveDescriptors,
  sendDescriptors,
  SOCK,
  untilReadable,
} from '@sixgate/host'
import { isQueueOf } from './tun.ts'

/** Instances of a TUN at most: it has 256 queues. */
const MAX_INSTANCES = 256
/** How long another instance may take for an answer; it looks at its sockets between two batches of packets. */
const ANSWER_MS = 3000
const MESSAGE_BYTES = 4096

/** What one instance says to another, as JSON. `take`: the descriptors are yours now; `spare`: have you a queue that you can do without? */
type Said = { readonly say: 'take'; readonly hasGateway: boolean } | { readonly say: 'spare' | 'taken' | 'none' }

/** The gateways for FTP and SIP of all instances: their socket, and the connections that they know, as JSON. */
export interface Gateway {
  readonly fd: number
  readonly connections: string
}

/** What is handed over: queues of the TUN, and the gateways when the giver has them. */
export interface Estate {
  readonly queues: readonly number[]
  readonly gateway: Gateway | undefined
}

/** What the owner of the queues does when another instance speaks to it. */
export interface HandoverEvents {
  /** Is owner of these from now on. */
  onEstate(estate: Estate): void
  /** A queue to give away, which is read no more; `undefined`: there is none to spare. */
  onSpare(): number | undefined
}

const encode = (said: Said): Uint8Array => new TextEncoder().encode(JSON.stringify(said))

/** Undefined for what this version does not know. */
const decode = ({ data }: MessageWithDescriptors): Said | undefined => {
  try {
    const { say, hasGateway } = JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>
    if (say === 'take') return { say, hasGateway: hasGateway === true }
    return say === 'spare' || say === 'taken' || say === 'none' ? { say } : undefined
  } catch {
    return undefined
  }
}

/**
 * Queues of the TUN change hands among the instances of a host without a packet lost. The kernel drops what waits in a queue when
 * its last descriptor is closed, and also when it is detached (TUNSETQUEUE), so a queue is never closed while somebody else
 * lives: an instance that ends gives its queues to another, which reads on where it stopped. An instance that starts asks for one
 * of those before it attaches one more: there are never more than instances were alive at the same time.
 *
 *   leaving ── connect, {say: take} + descriptors ──▶ staying          starting ── connect, {say: spare} ──▶ one with two
 *           ◀───────────── {say: taken} ────────────                            ◀── {say: take} + descriptor, or {say: none}
 *
 * Each instance listens under an abstract socket name of the network namespace, `…/N` with the first free N. Root alone is believed
 * (SO_PEERCRED), on both sides, and only queues of this TUN are taken.
 */
export class QueueHandover {
  readonly #tunName: string
  /** To be polled: readable when another instance speaks. −1: all names are taken. */
  readonly fd: number
  #isClosed = false

  constructor(tunName: string) {
    this.#tunName = tunName
    let fd: number | undefined
    for (let number = 0; fd === undefined && number < MAX_INSTANCES; number++)
      fd = listenAbstract(nameOf(tunName, number))
    this.fd = fd ?? -1
  }

  /** Answers one instance that speaks. */
  answer(events: HandoverEvents): void {
    const connection = libc.accept(this.fd, SOCK.NONBLOCK)
    if (connection < 0) return
    try {
      if (peerUser(connection) !== 0 || !untilReadable(connection, ANSWER_MS)) return
      const message = receiveDescriptors(connection, MESSAGE_BYTES)
      if (message === undefined) return
      const said = decode(message)
      if (said?.say === 'take') {
        const estate = estateOf(message, said.hasGateway, this.#tunName)
        // Whoever gave it closes its own descriptors when it hears this, or has ended: nothing is lost either way.
        sendDescriptors(connection, encode({ say: 'taken' }), [])
        events.onEstate(estate)
        return
      }
      for (const one of message.descriptors) libc.closeFd(one)
      if (said?.say === 'spare') giveSpare(connection, events)
    } finally {
      libc.closeFd(connection)
    }
  }

  /** Nobody is answered any more. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.fd >= 0) libc.closeFd(this.fd)
  }
}

/** True when another instance of this TUN runs. */
export const hasPeer = (tunName: string): boolean => toSomePeer(tunName, () => true) === true

/** A queue that another instance can do without; `undefined`: none can. It is the caller's. */
export const takeSpareQueue = (tunName: string): number | undefined =>
  toSomePeer(tunName, (connection) => {
    if (sendDescriptors(connection, encode({ say: 'spare' }), []) < 0) return undefined
    if (!untilReadable(connection, ANSWER_MS)) return undefined
    const message = receiveDescriptors(connection, MESSAGE_BYTES)
    const said = message && decode(message)
    if (message === undefined || said?.say !== 'take') return undefined
    const [queue, ...others] = estateOf(message, false, tunName).queues
    for (const one of others) libc.closeFd(one)
    return queue
  })

/**
 * Gives everything to another instance, which must not be read here any more; true when one took it. The descriptors stay open here:
 * written to, they still work.
 */
export const handOver = (tunName: string, { queues, gateway }: Estate): boolean => {
  const said = encode({ say: 'take', hasGateway: gateway !== undefined })
  // A message may not be as long as what is known of thousands of connections.
  const memory = gateway === undefined ? undefined : fileOf(gateway.connections)
  const descriptors = gateway === undefined || memory === undefined ? queues : [...queues, memory, gateway.fd]
  try {
    const taken = toSomePeer(tunName, (connection) => {
      if (sendDescriptors(connection, said, descriptors) < 0 || !untilReadable(connection, ANSWER_MS)) return undefined
      const answer = receiveDescriptors(connection, MESSAGE_BYTES)
      return (answer && decode(answer)?.say === 'taken') || undefined
    })
    return taken === true
  } finally {
    if (memory !== undefined) libc.closeFd(memory)
  }
}

/** A file in memory with this text, to be read from its start. */
const fileOf = (text: string): number => {
  const fd = libc.memfd('sixgate-nat64-connections')
  writeFileSync(fd, text)
  return fd
}

/** Reads it and closes it. */
const textOf = (fd: number): string => {
  try {
    const bytes = Buffer.alloc(fstatSync(fd).size)
    readSync(fd, bytes, 0, bytes.length, 0)
    return bytes.toString()
  } finally {
    libc.closeFd(fd)
  }
}

const nameOf = (tunName: string, number: number): string => `sixgate/nat64/queues/${tunName}/${number}`

/** Talks to one instance after the other until `talk` has a result. */
const toSomePeer = <T>(tunName: string, talk: (connection: number) => T | undefined): T | undefined => {
  for (let number = 0; number < MAX_INSTANCES; number++) {
    const connection = connectAbstract(nameOf(tunName, number))
    if (connection === undefined) continue
    try {
      const result = peerUser(connection) === 0 ? talk(connection) : undefined
      if (result !== undefined) return result
    } finally {
      libc.closeFd(connection)
    }
  }
  return undefined
}

const giveSpare = (connection: number, events: HandoverEvents): void => {
  const queue = events.onSpare()
  if (queue === undefined) {
    sendDescriptors(connection, encode({ say: 'none' }), [])
    return
  }
  sendDescriptors(connection, encode({ say: 'take', hasGateway: false }), [queue])
  // The message holds it until the other one has it.
  libc.closeFd(queue)
}

/** The last two descriptors are the gateways', if there are any. What is no queue of this TUN is closed. */
const estateOf = ({ descriptors }: MessageWithDescriptors, hasGateway: boolean, tunName: string): Estate => {
  const [memory, socket] = hasGateway ? descriptors.slice(-2) : []
  const gateway = memory === undefined || socket === undefined ? undefined : { fd: socket, connections: textOf(memory) }
  const offered = gateway === undefined ? descriptors : descriptors.slice(0, -2)
  const queues = offered.filter((one) => {
    const isOurs = isQueueOf(tunName, one)
    if (!isOurs) libc.closeFd(one)
    return isOurs
  })
  return { queues, gateway }
}
