import { Worker } from 'node:worker_threads'
import { libc, nativeBuffer } from '@sixgate/host'
import { buffersOf, type Installed, type PackedHosts, packHosts } from '../core/address-map/packed-hosts.ts'
import type { AlgNote } from '../core/alg/tally.ts'
import { COUNTERS } from '../core/counters.ts'
import type { DataPlaneSnapshot, FromWorker, ToWorker, WorkerStart } from './messages.ts'
import type { Offload } from './tun.ts'

/** V8's space for young objects of the worker. */
const YOUNG_MB = 2

const IP6_LEN = 16

/** A TUN that could not be had is tried again after this time. */
const RETRY_MS = 2000

/** What the data plane tells the rest. */
export interface DataPlaneEvents {
  /** The TUN is there and this instance has a queue: link and routes can be set. */
  onAttached(offload: Offload): void
  /** A host without mapping sent a packet. */
  onWant(ip6: Uint8Array, pref: number): void
  /** Something that an operator should hear of the gateways for FTP and SIP. */
  onNote?(note: AlgNote): void
  /** FTP and SIP connections of another instance that ended are not understood, since its version is another one. */
  onStrangeGateway?(message: string): void
  /** Why there is no data plane at the moment; `undefined`: there is one. */
  onTrouble(problem: { readonly code: string; readonly message: string } | undefined): void
}

/**
 * The worker thread that holds this instance's queue of the TUN, seen from the main thread. It is started again when the
 * TUN cannot be had or goes away.
 */
export class DataPlane {
  /** Packets by verdict, then `Tally`; the worker counts in it. */
  readonly counters = new Float64Array(new SharedArrayBuffer(COUNTERS * 8))
  readonly #tunName: string
  readonly #events: DataPlaneEvents
  readonly #snapshot: () => DataPlaneSnapshot
  readonly #isShared: boolean
  readonly #eventFd = libc.eventfd()
  readonly #wakeValue = nativeBuffer(8)
  /** New mappings that the worker will be told of together. */
  readonly #installed: Installed[] = []
  #worker: Worker | undefined
  #retry: NodeJS.Timeout | undefined
  #ended: Promise<void> = Promise.resolve()
  /** Settles when the first worker knows whether it has the TUN. */
  #first: PromiseWithResolvers<void> | undefined
  #isStopping = false
  #isHandedOver = false

  /**
   * `snapshot`, with every mapping, is asked for whenever a worker starts. `isShared`: other instances give out addresses of the
   * pool, too.
   */
  constructor(
    tunName: string,
    snapshot: () => DataPlaneSnapshot,
    events: DataPlaneEvents,
    { isShared = false }: { readonly isShared?: boolean } = {},
  ) {
    this.#tunName = tunName
    this.#snapshot = snapshot
    this.#isShared = isShared
    this.#events = events
    this.#wakeValue.view.setBigUint64(0, 1n, true)
  }

  /** Starts the worker when there was none yet. Resolves when it has the TUN, or has said why not. */
  async start(): Promise<void> {
    if (this.#first === undefined) {
      this.#first = Promise.withResolvers()
      this.#startWorker()
    }
    await this.#first.promise
  }

  #startWorker(): void {
    const workerData: WorkerStart = {
      tunName: this.#tunName,
      eventFd: this.#eventFd,
      counters: this.counters,
      snapshot: this.#snapshot(),
      isShared: this.#isShared,
    }
    const worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData,
      transferList: transferOf(workerData.snapshot),
      // It makes next to no garbage: room for much of it would only be memory.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    this.#worker = worker
    worker.on('message', (message: FromWorker) => this.#hear(message))
    worker.on('error', (error: Error) => {
      this.#events.onTrouble({ code: 'data-plane-failed', message: `the data plane ended: ${error.stack}` })
    })
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#worker = undefined
        this.#first?.resolve()
        if (!this.#isStopping) this.#retry = setTimeout(() => this.#startWorker(), RETRY_MS)
        resolve()
      })
    })
  }

  /** Tells the worker; without one nothing happens, since a new one starts from the snapshot. */
  send(message: ToWorker): void {
    this.#sendInstalled()
    this.#post(message, message.kind === 'swap' ? message.snapshot.hosts : undefined)
  }

  /** The same for a new mapping: those of one turn of the event loop share a message. */
  install(host: Installed): void {
    this.#installed.push(host)
    if (this.#installed.length > 1) return
    queueMicrotask(() => this.#sendInstalled())
  }

  #sendInstalled(): void {
    if (this.#installed.length === 0) return
    const hosts = packHosts(this.#installed, this.#installed.length)
    this.#installed.length = 0
    this.#post({ kind: 'install', hosts }, hosts)
  }

  /** `moved`: what the message has of it changes threads without a copy. */
  #post(message: ToWorker, moved: PackedHosts | undefined): void {
    if (this.#worker === undefined) return
    this.#worker.postMessage(message, moved === undefined ? [] : buffersOf(moved))
    libc.write(this.#eventFd, this.#wakeValue.address, 8)
  }

  /**
   * Ends the worker; resolves when its queue is no longer read here: true when another instance of this host reads on. Otherwise what
   * waits in it is lost.
   */
  async stop(): Promise<boolean> {
    this.#isStopping = true
    clearTimeout(this.#retry)
    this.send({ kind: 'stop' })
    await this.#ended
    libc.closeFd(this.#eventFd)
    return this.#isHandedOver
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'attached':
        this.#events.onTrouble(undefined)
        this.#events.onAttached(message.offload)
        this.#first?.resolve()
        return
      case 'failed':
        this.#events.onTrouble({ code: message.code, message: message.message })
        return
      case 'ended':
        this.#isHandedOver = message.isHandedOver
        return
      case 'strange-gateway':
        this.#events.onStrangeGateway?.(message.message)
        return
      case 'lost':
        this.#events.onTrouble({ code: 'tun-lost', message: message.message })
        return
      case 'note':
        this.#events.onNote?.(message.note)
        return
      case 'want':
        for (const [row, pref] of message.prefs.entries())
          this.#events.onWant(message.ip6.slice(row * IP6_LEN, (row + 1) * IP6_LEN), pref)
    }
  }
}

const transferOf = ({ hosts }: DataPlaneSnapshot): ArrayBuffer[] => (hosts === undefined ? [] : buffersOf(hosts))
