import { ERRNO, MSG } from '../libc.ts'
import { watchReadable } from '../readable.ts'
import { RTM, RTNLGRP } from './constants.ts'
import { NetlinkError, refusalError } from './error.ts'
import { decodeMessages } from './message.ts'
import { NetlinkSocket } from './socket.ts'

/** What to watch. */
export interface NetworkInterest {
  readonly links?: boolean
  readonly addresses?: boolean
  readonly routes?: boolean
}

/**
 * Something changed since the last event. `lost`: the kernel had to drop notifications (ENOBUFS), so anything watched
 * may have changed; the three flags are then those of the interest.
 */
export interface NetworkEvent {
  readonly links: boolean
  readonly addresses: boolean
  readonly routes: boolean
  readonly lost: boolean
}

/** One turn of the event loop reads at most so many datagrams, so that a storm cannot starve the rest. */
const MAX_DATAGRAMS_PER_TURN = 256

const groupsOf = (interest: NetworkInterest): number[] => [
  ...(interest.links === true ? [RTNLGRP.LINK] : []),
  ...(interest.addresses === true ? [RTNLGRP.IPV4_IFADDR, RTNLGRP.IPV6_IFADDR] : []),
  ...(interest.routes === true ? [RTNLGRP.IPV4_ROUTE, RTNLGRP.IPV6_ROUTE] : []),
]

const KINDS: ReadonlyMap<number, 'links' | 'addresses' | 'routes'> = new Map([
  [RTM.NEWLINK, 'links'],
  [RTM.DELLINK, 'links'],
  [RTM.NEWADDR, 'addresses'],
  [RTM.DELADDR, 'addresses'],
  [RTM.NEWROUTE, 'routes'],
  [RTM.DELROUTE, 'routes'],
])

/**
 * Calls `onEvent` after links, addresses or routes of this namespace changed, all changes of one turn of the event loop
 * in one event: read the present state with `links()`, `addresses()`, `routes()`. From the moment this returns no
 * change is missed. Returns the function that ends it; until then it keeps the process alive. Throws `NetlinkError`.
 */
export const watchNetwork = (interest: NetworkInterest, onEvent: (event: NetworkEvent) => void): (() => void) => {
  const socket = new NetlinkSocket(groupsOf(interest))
  const unwatch = watchReadable(socket.fd, () => {
    const event = drain(socket, interest)
    if (event !== undefined) onEvent(event)
  })
  return () => {
    unwatch()
    socket.close()
  }
}

const drain = (socket: NetlinkSocket, interest: NetworkInterest): NetworkEvent | undefined => {
  const seen = new Set<'links' | 'addresses' | 'routes'>()
  let lost = false
  for (let turn = 0; turn < MAX_DATAGRAMS_PER_TURN; turn++) {
    const length = socket.receiveInto(MSG.DONTWAIT)
    if (length === -ERRNO.EAGAIN) break
    if (length === -ERRNO.EINTR) continue
    if (length === -ERRNO.ENOBUFS) {
      lost = true
      continue
    }
    if (length < 0) throw refusalError('read network changes', { errno: -length, text: undefined })
    if (!socket.senderIsKernel) continue
    for (const kind of kindsIn(socket, length)) {
      if (kind === 'unreadable') lost = true
      else seen.add(kind)
    }
  }
  if (seen.size === 0 && !lost) return undefined
  const changed = (kind: 'links' | 'addresses' | 'routes'): boolean =>
    seen.has(kind) || (lost && interest[kind] === true)
  return { links: changed('links'), addresses: changed('addresses'), routes: changed('routes'), lost }
}

const kindsIn = (socket: NetlinkSocket, lenBytes: number): ('links' | 'addresses' | 'routes' | 'unreadable')[] => {
  try {
    return decodeMessages(socket.datagram(lenBytes))
      .map((message) => KINDS.get(message.type))
      .filter((kind) => kind !== undefined)
  } catch (error) {
    // What cannot be read may have been anything: look at everything again.
    if (error instanceof NetlinkError) return ['unreadable']
    throw error
  }
}
