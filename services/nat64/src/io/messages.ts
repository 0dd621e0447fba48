import type { AlgNote } from '../core/alg/tally.ts'
import type { AddressMapConfig } from '../core/address-map/address-map.ts'
import type { PackedHosts } from '../core/address-map/packed-hosts.ts'
import type { XlateSettings } from '../core/xlate.ts'
import type { Offload, TunErrorCode } from './tun.ts'

/** A snapshot for the data plane. */
export interface DataPlaneSnapshot {
  readonly map: AddressMapConfig
  readonly settings: XlateSettings
  /** Shared: by slot, the second in which the host was last seen. Its length is the number of slots. */
  readonly lastSeenS: Uint32Array
  /** Seed of the host table's hash. */
  readonly seed: number
  /** All dynamic mappings; `undefined`: those that the data plane has stay as they are. */
  readonly hosts: PackedHosts | undefined
}

/** From the main thread to the worker. */
export type ToWorker =
  | { readonly kind: 'swap'; readonly snapshot: DataPlaneSnapshot }
  | { readonly kind: 'install'; readonly hosts: PackedHosts }
  | { readonly kind: 'remove'; readonly slot: number }
  /** The host gets no mapping: its packets are answered. */
  | { readonly kind: 'refuse'; readonly ip6: Uint8Array; readonly pref: number }
  | { readonly kind: 'stop' }

/** From the worker to the main thread. */
export type FromWorker =
  | { readonly kind: 'attached'; readonly offload: Offload }
  /** The TUN could not be had. The worker ends. */
  | { readonly kind: 'failed'; readonly code: TunErrorCode; readonly message: string }
  /** It was told to stop, and has. `isHandedOver`: another instance of this host reads on. */
  | { readonly kind: 'ended'; readonly isHandedOver: boolean }
  /** Another instance handed its FTP and SIP connections over, and they are not understood. */
  | { readonly kind: 'strange-gateway'; readonly message: string }
  /** The TUN went away under the worker. The worker ends. */
  | { readonly kind: 'lost'; readonly message: string }
  /** Something that an operator should hear, at most once. */
  | { readonly kind: 'note'; readonly note: AlgNote }
  /** Hosts without mapping sent packets, which are held: 16 octets and an index of a pref64 for each. */
  | { readonly kind: 'want'; readonly ip6: Uint8Array; readonly prefs: Uint8Array }

/** What a worker is started with. */
export interface WorkerStart {
  readonly tunName: string
  /** Wakes the worker: 8 octets written to it. */
  readonly eventFd: number
  /** Shared: `COUNTERS` numbers. */
  readonly counters: Float64Array
  readonly snapshot: DataPlaneSnapshot
  /** Other instances give out addresses of the pool, too. */
  readonly isShared: boolean
}

/** The data plane's clock: seconds since the system started, the same in every thread. */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
