import { randomInt } from 'node:crypto'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { ERRNO, errnoName, libc, nativeBuffer, POLL } from '@sixgate/host'
import { AddressMap } from '../core/address-map/address-map.ts'
import { HostTable } from '../core/address-map/host-table.ts'
import { installPacked, type PackedHosts } from '../core/address-map/packed-hosts.ts'
import { Coalescer, Offer, TRAINS } from '../core/coalescer.ts'
import type { FlowState } from '../core/alg/flow.ts'
import { ALG_COUNTERS_AT, COUNTERS, Tally } from '../core/counters.ts'
import { type Frame, HEADROOM, MAX_PACKET, readVnet, writeVnet } from '../core/frame.ts'
import { BY_DESTINATION4, BY_SOURCE6, HoldRing } from '../core/hold-ring.ts'
import { Translator } from '../core/translator.ts'
import { Verdict } from '../core/verdict.ts'
import { IPV6 } from '../core/wire/ipv6.ts'
import { GSO, VNET } from '../core/wire/virtio-net.ts'
import type { Clock, Output } from '../core/xlate.ts'
import { AlgPeer } from './alg-peer.ts'
import { type DataPlaneSnapshot, type FromWorker, monotonicMs, type ToWorker, type WorkerStart } from './messages.ts'
import { NativeFrame } from './native-frame.ts'
import { askConntrack } from './outside.ts'
import { type Gateway, handOver, hasPeer, QueueHandover, takeSpareQueue } from './queue-handover.ts'
import { attachTun, setBestOffload, type Tun, TunError } from './tun.ts'
import { warmUp } from './warm-up.ts'

/** Packets between two looks at the control eventfd. */
const BATCH = 64
/** Packets of new hosts that wait: a site whose hosts all come at once, after a power cut. 8 MiB when all are long. */
const NEW_HOSTS = { slots: 4096, key: BY_SOURCE6, maxWaitMs: 2000 } as const
/**
 * Packets to pool addresses that nobody is known to have, of several instances: what another one's new host is answered with
 * comes here before NATS has told of that host. As long as TCP waits before it sends a SYN again; a scan waits too, in few slots.
 */
const EARLY_ANSWERS = { slots: 256, key: BY_DESTINATION4, maxWaitMs: 1000 } as const
const IP6_LEN = 16
const READ_BYTES = MAX_PACKET + VNET.LEN
const POLLFD_BYTES = 8
/** How far the clock is behind at most when the first packet after a pause comes. */
const CLOCK_MS = 1000
/** struct pollfd: fd i32, events i16, revents i16. */
const POLLFD = { EVENTS: 4, REVENTS: 6 } as const
/** Places in the poll set; the queues follow. */
const AT = { EVENT: 0, GATEWAY: 1, PEERS: 2, QUEUES: 3 } as const
const MAX_QUEUES = 256
/** Packets of new hosts that wait for their mapping when this instance ends are given so long. */
const LAST_HELD_MS = 500

/** What is done with a packet that was sent again meanwhile. */
const forget = (): void => undefined

/** What a data plane has beside it. */
interface Surroundings {
  readonly algPeer: AlgPeer
  readonly peers?: QueueHandover
  readonly tell?: (message: FromWorker, transfer?: ArrayBuffer[]) => void
}

/** Queues of the TUN and everything that works on them: reads, translates, writes, until it is told to stop. */
class DataPlane {
  readonly #queues: number[]
  /** The queue that is read, and what becomes of its packets is written to. */
  #fd: number
  readonly #eventFd: number
  readonly #counters: Float64Array
  readonly #clock: Clock = { nowMs: 0, nowS: 0 }
  readonly #newHosts = new HoldRing(NEW_HOSTS, new NativeFrame())
  readonly #earlyAnswers = new HoldRing(EARLY_ANSWERS, new NativeFrame())
  /** An address of the pool. */
  readonly #address4 = new DataView(new ArrayBuffer(4))
  /** Hosts that mappings will be asked for, together. */
  readonly #wantedIp6 = new Uint8Array(BATCH * IP6_LEN)
  readonly #wantedPrefs = new Uint8Array(BATCH)
  #wanted = 0
  /** Frames that nobody uses. One is read into, each open train holds one. */
  readonly #free: NativeFrame[] = Array.from({ length: TRAINS }, () => new NativeFrame())
  /** The frame that is read into. */
  #frame = new NativeFrame()
  /** What was made elsewhere (an ICMP error, a held packet) is copied here to be written: rare. */
  readonly #spare = new NativeFrame()
  readonly #coalescer: Coalescer
  // Native memory is freed when nothing refers to it: all buffers are fields.
  readonly #poll = nativeBuffer((AT.QUEUES + MAX_QUEUES) * POLLFD_BYTES)
  readonly #eventValue = nativeBuffer(8)
  readonly #translator: Translator
  readonly #algPeer: AlgPeer
  readonly #peers: QueueHandover | undefined
  readonly #post: (message: FromWorker, transfer?: ArrayBuffer[]) => void
  /** What is done with a packet that was held. */
  readonly #again = (frame: Frame): void => this.#process(frame)
  /** The same when it has waited in vain. */
  readonly #giveUp = (frame: Frame): void => {
    const lenBytes = frame.len
    this.#count(this.#translator.giveUp(frame), lenBytes)
  }
  #stopped = false

  /** `peers`: where other instances of this host speak. */
  constructor({ fd, offload }: Tun, start: WorkerStart, { algPeer, peers, tell = post }: Surroundings) {
    this.#fd = fd
    this.#queues = [fd]
    this.#peers = peers
    this.#post = tell
    this.#eventFd = start.eventFd
    this.#counters = start.counters
    this.#tick()
    this.#coalescer = new Coalescer(
      (frame) => {
        // Only frames of its own are offered.
        this.#write(frame as NativeFrame)
        this.#free.push(frame as NativeFrame)
      },
      { tcp: offload !== 'none', udp: offload === 'uso' },
    )
    const output: Output = {
      send: (frame) => this.#send(frame),
      sendPiece: (frame) => (frame === this.#frame ? this.#write(this.#frame) : this.#writeCopy(frame)),
    }
    this.#translator = new Translator({
      map: makeMap(start.snapshot, undefined),
      settings: start.snapshot.settings,
      clock: this.#clock,
      output,
      random: () => randomInt(0x10000),
      algCounts: start.counters.subarray(ALG_COUNTERS_AT, COUNTERS),
      onAlgNote: (note) => tell({ kind: 'note', note }),
      isShared: start.isShared,
      findOutside: askConntrack(monotonicMs),
    })
    this.#algPeer = algPeer
    this.#watch()
  }

  /** Puts all that is waited for into the poll set. */
  #watch(): void {
    const watched = [this.#eventFd, this.#algPeer.fd, this.#peers?.fd ?? -1, ...this.#queues]
    for (const [index, fd] of watched.entries()) {
      this.#poll.view.setInt32(index * POLLFD_BYTES, fd, true)
      this.#poll.view.setInt16(index * POLLFD_BYTES + POLLFD.EVENTS, POLL.IN, true)
    }
  }

  /** Returns why it ended: told to, or the TUN went away. */
  run(): 'stopped' | 'lost' {
    while (!this.#stopped) if (!this.turn()) return 'lost'
    return 'stopped'
  }

  /**
   * Waits for packets or for a message, and deals with what there is; false when the TUN is gone. The clock is read
   * afterwards: a packet that comes alone finds the code for it in no cache, and waits for each step.
   */
  turn(): boolean {
    const isThere = this.#wait()
    this.#postWanted()
    this.#tick()
    return isThere
  }

  #wait(): boolean {
    const queues = this.#queues.length
    // Also under full load: the control eventfd must not wait for a pause in the traffic.
    const ready = libc.poll(this.#poll.address, AT.QUEUES + queues, this.#patienceMs())
    if (ready < 0 && ready !== -ERRNO.EINTR) return false
    if (this.#earlyAnswers.size > 0) this.#earlyAnswers.expire(monotonicMs(), this.#giveUp)
    if (this.#eventsOf(AT.EVENT) !== 0) this.#control()
    if (this.#eventsOf(AT.GATEWAY) !== 0) this.#readHandedOver()
    for (let index = 0; index < queues; index++) if (!this.#serve(index)) return false
    // Last: it changes the set.
    if (this.#eventsOf(AT.PEERS) !== 0) this.#listen()
    return true
  }

  #patienceMs(): number {
    if (this.#earlyAnswers.size === 0) return CLOCK_MS
    return Math.max(0, Math.ceil(Math.min(CLOCK_MS, this.#earlyAnswers.leftMs(monotonicMs()) + 1)))
  }

  #eventsOf(place: number): number {
    return this.#poll.view.getInt16(place * POLLFD_BYTES + POLLFD.REVENTS, true)
  }

  /** False when the TUN is gone. */
  #serve(index: number): boolean {
    const events = this.#eventsOf(AT.QUEUES + index)
    if ((events & POLL.IN) === 0) return (events & (POLL.ERR | POLL.HUP | POLL.NVAL)) === 0
    this.#fd = this.#queues[index] as number
    return this.#readBatch()
  }

  /** Another instance ends and leaves its queues, or begins and wants one. */
  #listen(): void {
    this.#peers?.answer({
      onEstate: ({ queues, gateway }) => {
        const room = MAX_QUEUES - this.#queues.length
        this.#queues.push(...queues.slice(0, room))
        for (const fd of queues.slice(room)) libc.closeFd(fd)
        if (gateway !== undefined) this.#adopt(gateway)
      },
      onSpare: () => {
        if (this.#queues.length < 2) return undefined
        const spare = this.#queues.pop()
        this.#fd = this.#queues[0] as number
        return spare
      },
    })
    this.#watch()
  }

  /** The gateways for FTP and SIP are this instance's now. */
  #adopt({ fd, connections }: Gateway): void {
    this.#algPeer.adopt(fd)
    try {
      this.#translator.resumeGateway(JSON.parse(connections) as readonly FlowState[])
    } catch (error) {
      // Of another version, whose connections are not like this one's: those that are edited have to be made again.
      this.#post({ kind: 'strange-gateway', message: error instanceof Error ? error.message : String(error) })
    }
  }

  /**
   * Ends: gives what it reads from to another instance of this host, if there is one, and waits for the mappings of hosts whose
   * packets it holds. True: another one goes on.
   */
  finish(tunName: string): boolean {
    this.#peers?.close()
    const gateway = this.#algPeer.isOwner
      ? { fd: this.#algPeer.fd, connections: JSON.stringify(this.#translator.gatewayState) }
      : undefined
    const isHandedOver = handOver(tunName, { queues: this.#queues, gateway })
    const endMs = monotonicMs() + LAST_HELD_MS
    // Queues can still be written to, whoever reads them.
    for (let leftMs = LAST_HELD_MS; leftMs > 0 && this.#held > 0; leftMs = endMs - monotonicMs()) {
      if (libc.poll(this.#poll.address, AT.EVENT + 1, Math.ceil(leftMs)) <= 0) continue
      this.#tick()
      this.#control()
    }
    this.#earlyAnswers.releaseAll(this.#giveUp)
    return isHandedOver
  }

  get #held(): number {
    return this.#newHosts.size + this.#earlyAnswers.size
  }

  /** The kernel drops what waits in a queue when its last descriptor is closed. */
  close(): void {
    for (const fd of this.#queues) libc.closeFd(fd)
    this.#queues.length = 0
  }

  #tick(): void {
    const nowMs = monotonicMs()
    this.#clock.nowMs = nowMs
    // Not before the packet that comes next: nobody may lose an address earlier than promised.
    this.#clock.nowS = Math.floor((nowMs + CLOCK_MS) / 1000)
  }

  /** Reads until nothing more is there, at most `BATCH` packets; false when the TUN is gone. */
  #readBatch(): boolean {
    const counters = this.#counters
    let readBytes = 0
    for (let count = 0; count < BATCH; count++) {
      const frame = this.#frame
      readBytes = libc.read(this.#fd, frame.address + HEADROOM - VNET.LEN, READ_BYTES)
      if (readBytes < 0) {
        if (readBytes === -ERRNO.EINTR) continue
        if (readBytes !== -ERRNO.EAGAIN) counters[Tally.TUN_READ_ERRORS]! += 1
        break
      }
      if (!readVnet(frame, readBytes)) {
        counters[Verdict.BAD_OFFLOAD]! += 1
        continue
      }
      if (frame.gsoType !== GSO.NONE) counters[Tally.SUPER_PACKETS]! += 1
      if (!this.#algPeer.isOwner && this.#handOver(frame)) continue
      this.#process(frame)
    }
    // Nothing waits longer than for packets that are there already.
    this.#coalescer.flush()
    return readBytes !== -ERRNO.EBADFD
  }

  /** Gives a packet to the instance that has the gateways for FTP and SIP; false when this is it. */
  #handOver(frame: NativeFrame): boolean {
    if (!this.#translator.needsOneGateway(frame)) return false
    const isGone = this.#algPeer.handOver(frame.address + HEADROOM - VNET.LEN, frame.len + VNET.LEN)
    if (isGone) this.#counters[Tally.HANDED_OVER]! += 1
    return isGone
  }

  /** What other instances handed over to this one. */
  #readHandedOver(): void {
    for (let count = 0; count < BATCH; count++) {
      const frame = this.#frame
      const readBytes = this.#algPeer.receive(frame.address + HEADROOM - VNET.LEN, READ_BYTES)
      if (readBytes === undefined) break
      if (readVnet(frame, readBytes)) this.#process(frame)
    }
    this.#coalescer.flush()
  }

  #process(frame: Frame): void {
    const lenBytes = frame.len
    let verdict = this.#translator.process(frame)
    if (verdict === Verdict.NEEDS_MAPPING) verdict = this.#holdNewHost(frame)
    else if (verdict === Verdict.AWAITS_MAPPING) verdict = this.#holdEarlyAnswer(frame)
    this.#count(verdict, lenBytes)
  }

  #count(verdict: Verdict, lenBytes: number): void {
    const counters = this.#counters
    counters[verdict]! += 1
    if (verdict === Verdict.TRANSLATED_6TO4) counters[Tally.BYTES_6TO4]! += lenBytes
    else if (verdict === Verdict.TRANSLATED_4TO6) counters[Tally.BYTES_4TO6]! += lenBytes
  }

  #holdNewHost(frame: Frame): Verdict {
    const pref = this.#translator.wantedPref
    this.#newHosts.expire(this.#clock.nowMs, forget)
    const held = this.#newHosts.hold(frame, pref, this.#clock.nowMs)
    if (held === 'first') this.#want(frame, pref)
    return held === 'full' ? Verdict.HOLD_FULL : Verdict.NEEDS_MAPPING
  }

  #holdEarlyAnswer(frame: Frame): Verdict {
    // Not the clock of the turn: after a pause it is as old as the packet may get.
    const held = this.#earlyAnswers.hold(frame, 0, monotonicMs())
    return held === 'full' ? this.#translator.giveUp(frame) : Verdict.AWAITS_MAPPING
  }

  /** A message costs as much as the translation of many packets: hosts of one batch share one. */
  #want(frame: Frame, pref: number): void {
    if (this.#wanted === BATCH) this.#postWanted()
    this.#wantedIp6.set(frame.bytes.subarray(frame.o + IPV6.SRC, frame.o + IPV6.DST), this.#wanted * IP6_LEN)
    this.#wantedPrefs[this.#wanted] = pref
    this.#wanted += 1
  }

  #postWanted(): void {
    if (this.#wanted === 0) return
    const ip6 = this.#wantedIp6.slice(0, this.#wanted * IP6_LEN)
    const prefs = this.#wantedPrefs.slice(0, this.#wanted)
    this.#wanted = 0
    this.#post({ kind: 'want', ip6, prefs }, [ip6.buffer, prefs.buffer])
  }

  #send(frame: Frame): void {
    if (frame !== this.#frame) {
      this.#writeCopy(frame)
      return
    }
    const offer = this.#coalescer.offer(frame)
    if (offer === Offer.PASS) this.#write(this.#frame)
    else if (offer === Offer.MERGED) this.#counters[Tally.COALESCED]! += 1
    else this.#frame = this.#free.pop() as NativeFrame
  }

  #writeCopy(frame: Frame): void {
    this.#spare.copy(frame)
    this.#write(this.#spare)
  }

  #write(frame: NativeFrame): void {
    writeVnet(frame)
    const written = libc.write(this.#fd, frame.address + frame.o - VNET.LEN, frame.len + VNET.LEN)
    if (written < 0) this.#counters[Tally.TUN_WRITE_ERRORS]! += 1
    else this.#counters[Tally.PACKETS_WRITTEN]! += 1
  }

  #control(): void {
    libc.read(this.#eventFd, this.#eventValue.address, 8)
    if (parentPort === null) return
    for (;;) {
      const received = receiveMessageOnPort(parentPort)
      if (received === undefined) return
      this.#obey(received.message as ToWorker)
    }
  }

  #install(packed: PackedHosts): void {
    const { hosts } = this.#translator.map
    const view = viewOf(packed.ip6)
    for (let row = 0; row < packed.count; row++) {
      const slot = packed.slots[row] ?? 0
      const pref = packed.prefs[row] ?? 0
      // A snapshot that was made meanwhile may hold it already.
      if (!hosts.uses(slot)) {
        const ip6 = packed.ip6.subarray(row * IP6_LEN, (row + 1) * IP6_LEN)
        hosts.install(slot, ip6, pref, packed.ip4s[row] ?? 0)
      }
      hosts.lastSeenS[slot] = this.#clock.nowS
      this.#newHosts.release(view, row * IP6_LEN, pref, this.#again)
      if (this.#earlyAnswers.size === 0) continue
      this.#address4.setInt32(0, packed.ip4s[row] ?? 0)
      this.#earlyAnswers.release(this.#address4, 0, 0, this.#again)
    }
  }

  #obey(message: ToWorker): void {
    const translator = this.#translator
    switch (message.kind) {
      case 'swap':
        translator.swap(makeMap(message.snapshot, translator.map.hosts), message.snapshot.settings)
        this.#newHosts.releaseAll(this.#again)
        this.#earlyAnswers.releaseAll(this.#again)
        return
      case 'install':
        this.#install(message.hosts)
        return
      case 'remove':
        translator.map.hosts.remove(message.slot)
        return
      case 'refuse': {
        const { ip6, pref } = message
        this.#newHosts.release(viewOf(ip6), 0, pref, (frame) => {
          this.#counters[Verdict.POOL_EXHAUSTED]! += 1
          translator.refuse(frame, Verdict.POOL_EXHAUSTED)
        })
        return
      }
      case 'stop':
        this.#stopped = true
    }
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The address map of a snapshot; `present` are the mappings that stay when it brings none. */
const makeMap = (snapshot: DataPlaneSnapshot, present: HostTable | undefined): AddressMap => {
  if (snapshot.hosts === undefined && present !== undefined) return new AddressMap(snapshot.map, present)
  const hosts = new HostTable(snapshot.lastSeenS, snapshot.seed)
  if (snapshot.hosts !== undefined) installPacked(hosts, snapshot.hosts)
  return new AddressMap(snapshot.map, hosts)
}

const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => parentPort?.postMessage(message, transfer)

/** A queue: the spare one of another instance, or a new one. With others alive, only once all is ready to read it. */
const firstQueue = (tunName: string): Tun => {
  const spare = takeSpareQueue(tunName)
  return spare === undefined ? attachTun(tunName) : { fd: spare, offload: setBestOffload(spare) }
}

const main = (): void => {
  const start = workerData as WorkerStart
  const { tunName } = start
  const heat = (): void =>
    warmUp((tun, begin, algPeer) => new DataPlane(tun, begin, { algPeer, tell: () => undefined }))
  let tun: Tun
  try {
    // Alone: what comes meanwhile waits in the queue. Else others serve it, and what came here would have to wait.
    if (hasPeer(tunName)) {
      heat()
      tun = firstQueue(tunName)
    } else {
      tun = attachTun(tunName)
      heat()
    }
  } catch (error) {
    if (!(error instanceof TunError)) throw error
    post({ kind: 'failed', code: error.code, message: error.message })
    return
  }
  const algPeer = new AlgPeer(tunName)
  const peers = new QueueHandover(tunName)
  const plane = new DataPlane(tun, start, { algPeer, peers })
  // Not before others can hand over to this one: they may be stopped as soon as it is said that it is there.
  post({ kind: 'attached', offload: tun.offload })
  let isHandedOver = false
  try {
    if (plane.run() === 'lost')
      post({ kind: 'lost', message: `TUN ${tunName} was removed (${errnoName(ERRNO.EBADFD)}); it is made anew` })
    else isHandedOver = plane.finish(tunName)
  } finally {
    plane.close()
    peers.close()
    algPeer.close()
  }
  post({ kind: 'ended', isHandedOver })
}

main()
