/**
 * A TUN with a program at its egress, whose queue the test itself holds, so that it sees which way each packet took:
 *
 *   packet socket ──send──▶ TUN egress ─┬─(translated)─▶ TUN ingress ──▶ packet socket
 *                                       └─(fell through)─▶ queue ──▶ the test
 */
import assert from 'node:assert/strict'
import { deleteLink, libc, nativeBuffer, POLL, setAddrGenMode, setLinkMtu, setLinkUp } from '@sixgate/host'
import { MAX_PACKET } from '../core/frame.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { attachTun } from '../io/tun.ts'
import { PacketSocket } from './packet-socket.ts'

const READ_BYTES = MAX_PACKET + VNET.LEN
const WAIT_MS = 5000

/** Which way a packet took, and what it was at the end; offload header first. */
export interface Passage {
  readonly by: 'kernel' | 'typescript'
  readonly packet: Uint8Array
}

export class TunQueue {
  readonly #name: string
  readonly #socket: PacketSocket
  readonly #fd: number
  readonly #data = nativeBuffer(READ_BYTES)
  readonly #poll = nativeBuffer(16)

  constructor(name: string, mtuBytes: number) {
    this.#name = name
    this.#fd = attachTun(name).fd
    setAddrGenMode(name, 'none')
    setLinkMtu(name, mtuBytes)
    setLinkUp(name, true)
    this.#socket = new PacketSocket(name)
    this.#poll.view.setInt32(0, this.#fd, true)
    this.#poll.view.setInt16(4, POLL.IN, true)
    this.#poll.view.setInt32(8, this.#socket.fd, true)
    this.#poll.view.setInt16(12, POLL.IN, true)
  }

  /** Sends a packet, offload header first, and waits until it comes out on one of the two ways. */
  play(octets: ArrayLike<number>): Passage {
    this.send(octets)
    return this.outcome()
  }

  /** Sends a packet, offload header first. */
  send(octets: ArrayLike<number>): void {
    this.#socket.send(octets)
  }

  /** Waits for the next packet that comes out on one of the two ways. */
  outcome(): Passage {
    for (;;) {
      const ready = libc.poll(this.#poll.address, 2, WAIT_MS)
      assert.ok(ready > 0, 'the packet came out nowhere')
      const length = libc.read(this.#fd, this.#data.address, READ_BYTES)
      if (length >= 0) return { by: 'typescript', packet: this.#data.bytes.slice(0, length) }
      const packet = this.#socket.receive(0)
      if (packet !== undefined) return { by: 'kernel', packet }
    }
  }

  /** Forgets what has come out so far. */
  discard(): void {
    while (libc.read(this.#fd, this.#data.address, READ_BYTES) >= 0 || this.#socket.receive(0) !== undefined);
  }

  close(): void {
    this.#socket.close()
    libc.closeFd(this.#fd)
    deleteLink(this.#name)
  }
}
