import { AF, ERRNO, libc, MSG, must, nativeBuffer, SOCK, watchReadable } from '@sixgate/host'

/** linux/netlink.h, linux/netfilter/nfnetlink.h */
const NETLINK_NETFILTER = 12
const NFNLGRP_NFTABLES = 7
const ADD_MEMBERSHIP = { level: 270, name: 1, label: 'NETLINK_ADD_MEMBERSHIP' } as const
/** struct sockaddr_nl: family u16, pad u16, pid u32, groups u32; pid and groups 0 = the kernel chooses, none. */
const SOCKADDR_NL_LEN_BYTES = 12
/** The content is of no interest: a datagram that is cut short has told all. */
const BUFFER_LEN_BYTES = 256
/** So that a storm of changes cannot hold the event loop. */
const MAX_DATAGRAMS_PER_TURN = 1024

/**
 * Calls `onChange` after nftables rules of this network namespace changed, by whomever (iptables-nft too; iptables-legacy
 * tells nobody). Many changes at once give few calls. Returns the function that ends it. Throws HostError.
 */
export const watchNftables = (onChange: () => void): (() => void) => {
  const fd = libc.socket(AF.NETLINK, SOCK.RAW | SOCK.NONBLOCK, NETLINK_NETFILTER, 'watch nftables')
  const buffer = nativeBuffer(BUFFER_LEN_BYTES)
  try {
    buffer.view.setUint16(0, AF.NETLINK, true)
    libc.bind(fd, buffer.address, SOCKADDR_NL_LEN_BYTES, 'watch nftables: bind')
    libc.setsockoptInt(fd, ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
  } catch (error) {
    libc.closeFd(fd)
    throw error
  }
  const drain = (): void => {
    const span = { address: buffer.address, lenBytes: BUFFER_LEN_BYTES }
    for (let turn = 0; turn < MAX_DATAGRAMS_PER_TURN; turn++) {
      const length = libc.recvfrom(fd, span, MSG.DONTWAIT)
      if (length === -ERRNO.EAGAIN) break
      // ENOBUFS: the kernel had to leave some out; something changed, which is all there is to know.
      if (length !== -ERRNO.EINTR && length !== -ERRNO.ENOBUFS) must(length, 'watch nftables: receive')
    }
    onChange()
  }
  const unwatch = watchReadable(fd, drain)
  return () => {
    unwatch()
    libc.closeFd(fd)
  }
}
