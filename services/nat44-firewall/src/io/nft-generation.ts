import { AF, libc, MSG, nativeBuffer, SOCK } from '@sixgate/host'

/** linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h */
const NETLINK_NETFILTER = 12
const NFT_MSG_NEWGEN = (10 << 8) | 15
const NFT_MSG_GETGEN = (10 << 8) | 16
const NLM_F_REQUEST = 1
/** struct nlmsghdr (16 octets) and struct nfgenmsg (4). */
const REQUEST_LEN_BYTES = 20
/** Behind the same two headers: attribute NFTA_GEN_ID (length u16, type u16, value u32 in network order). */
const GEN_ID = { TYPE_U16: 22, VALUE_U32: 24, END: 28 } as const
const NFTA_GEN_ID = 1
const ANSWER_LEN_BYTES = 256

const request = nativeBuffer(REQUEST_LEN_BYTES)
request.view.setUint32(0, REQUEST_LEN_BYTES, true)
request.view.setUint16(4, NFT_MSG_GETGEN, true)
request.view.setUint16(6, NLM_F_REQUEST, true)
const answer = nativeBuffer(ANSWER_LEN_BYTES)

/**
 * The generation of the nftables rules of this namespace: another number after every change, by whomever. Takes some
 * microseconds, where listing the rules takes milliseconds. undefined: the kernel does not tell (no nf_tables, no
 * CAP_NET_ADMIN), so anything may have changed. Throws HostError when there is no socket to be had.
 */
export const nftGeneration = (): number | undefined => {
  const fd = libc.socket(AF.NETLINK, SOCK.RAW | SOCK.NONBLOCK, NETLINK_NETFILTER, 'ask for the generation of nftables')
  try {
    if (libc.sendto(fd, { address: request.address, lenBytes: REQUEST_LEN_BYTES }, 0) < 0) return undefined
    // The kernel answers inside of sendto, so the answer is there.
    const length = libc.recvfrom(fd, { address: answer.address, lenBytes: ANSWER_LEN_BYTES }, MSG.DONTWAIT)
    if (length < GEN_ID.END || answer.view.getUint16(4, true) !== NFT_MSG_NEWGEN) return undefined
    if (answer.view.getUint16(GEN_ID.TYPE_U16, true) !== NFTA_GEN_ID) return undefined
    return answer.view.getUint32(GEN_ID.VALUE_U32)
  } finally {
    libc.closeFd(fd)
  }
}

/** After one change more: the kernel counts in 32 bits and leaves out 0 (nf_tables_commit). */
export const nextGeneration = (generation: number): number => (generation === 0xffff_ffff ? 1 : generation + 1)
