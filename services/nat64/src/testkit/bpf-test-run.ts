import { errnoName, type ErrnoName, nativeBuffer } from '@sixgate/host'
import { BPF, bpf, putAddress } from '../io/bpf-syscall.ts'

/** union bpf_attr for BPF_PROG_TEST_RUN. */
const TEST = {
  PROG_FD: 0,
  RETVAL: 4,
  DATA_SIZE_IN: 8,
  DATA_SIZE_OUT: 12,
  DATA_IN: 16,
  DATA_OUT: 24,
  CTX_SIZE_IN: 40,
  CTX_IN: 48,
  FLAGS: 64,
} as const
/** The kernel sums up the packet (CHECKSUM_COMPLETE, since 6.11) and looks afterwards whether the sum is still right: EBADMSG. */
const CHECKSUM_COMPLETE = 4
const FRAME_BYTES = 8192
/** struct __sk_buff, as far as kernels since 5.8 have it. */
const CONTEXT = { INGRESS_IFINDEX: 36, BYTES: 180 } as const

const input = nativeBuffer(FRAME_BYTES)
const output = nativeBuffer(FRAME_BYTES)
const context = nativeBuffer(CONTEXT.BYTES)

/** How a program ran: what it returned and left of the frame; or why the kernel did not run it, or did not like what it left. */
export type TestRun =
  | { readonly verdict: number; readonly frame: Uint8Array; readonly error?: never }
  | { readonly error: ErrnoName; readonly verdict?: never }

/** Runs a tc program once on an Ethernet frame, which is handed over as received from the loopback device, at first from link `from`. */
export const testRun = (programFd: number, frame: ArrayLike<number>, isSummedUp: boolean, from = 0): TestRun => {
  input.bytes.set(frame)
  let [verdict, lenBytes] = [0, 0]
  context.view.setUint32(CONTEXT.INGRESS_IFINDEX, from, true)
  const fill = (view: DataView): void => {
    view.setUint32(TEST.PROG_FD, programFd, true)
    view.setUint32(TEST.DATA_SIZE_IN, frame.length, true)
    view.setUint32(TEST.DATA_SIZE_OUT, FRAME_BYTES, true)
    putAddress(view, TEST.DATA_IN, input.address)
    putAddress(view, TEST.DATA_OUT, output.address)
    if (from !== 0) {
      view.setUint32(TEST.CTX_SIZE_IN, CONTEXT.BYTES, true)
      putAddress(view, TEST.CTX_IN, context.address)
    }
    view.setUint32(TEST.FLAGS, isSummedUp ? CHECKSUM_COMPLETE : 0, true)
  }
  const result = bpf(BPF.PROG_TEST_RUN, fill, (view) => {
    verdict = view.getInt32(TEST.RETVAL, true)
    lenBytes = view.getUint32(TEST.DATA_SIZE_OUT, true)
  })
  return result < 0 ? { error: errnoName(-result) } : { verdict, frame: output.bytes.slice(0, lenBytes) }
}
