/** The host, as the services touch it: libc, netlink and sysctl files. See README.md. */
export { readIfThere, removeDurably, setAside, writeDurably } from './durable-file.ts'
export { type ErrnoName, errnoName, errnoNumber, errnoText } from './errno.ts'
export { HostError, must } from './host-error.ts'
export {
  type Address as NativeAddress,
  AF,
  ERRNO,
  libc,
  MSG,
  type NativeSpan,
  NULL,
  O,
  POLL,
  SOCK,
  type SocketOption,
} from './libc.ts'
export { CMSGHDR, IOVEC, MSGHDR } from './msghdr.ts'
export { addressOf, type NativeBuffer, nativeBuffer } from './native-buffer.ts'
export type { Address, AddressSpec } from './netlink/address-codec.ts'
export { addAddress, addresses, deleteAddress } from './netlink/addresses.ts'
export {
  type BpfFilter,
  type BpfFilterPlace,
  bpfFilter,
  createClsact,
  deleteBpfFilter,
  deleteEmptyClsact,
  replaceBpfFilter,
} from './netlink/bpf-filter.ts'
export { closeConntrack, outsideOf, type TcpEnd4 } from './netlink/conntrack.ts'
export { NetlinkError, type NetlinkErrorCode } from './netlink/error.ts'
export type { Family } from './netlink/ip-bytes.ts'
export type { Link, OperState } from './netlink/link-codec.ts'
export type { AddrGenMode } from './netlink/link-requests.ts'
export {
  createVlan,
  deleteLink,
  isLinkName,
  link,
  links,
  setAddrGenMode,
  setLinkMtu,
  setLinkUp,
  type VlanSpec,
} from './netlink/links.ts'
export { type Neighbour6, type NeighbourState, neighbours6 } from './netlink/neighbours.ts'
export type { NextHop, Route, RouteSpec } from './netlink/route-codec.ts'
export { addRoute, type DefaultRoute, defaultRoute, deleteRoute, routes } from './netlink/routes.ts'
export { closeNetlink } from './netlink/socket.ts'
export { type NetworkEvent, type NetworkInterest, watchNetwork } from './netlink/watch.ts'
export { type Origin, thisOrigin } from './original-state.ts'
export { type ForeignValue, OriginalValues, type RestoreReport, type SetOptions } from './original-values.ts'
export { watchReadable } from './readable.ts'
export { Sysctls } from './sysctl.ts'
export {
  abstractAddress,
  connectAbstract,
  listenAbstract,
  type MessageWithDescriptors,
  peerUser,
  receiveDescriptors,
  sendDescriptors,
  untilReadable,
} from './unix-socket.ts'
