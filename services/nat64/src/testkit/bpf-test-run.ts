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
  FLAGS: 64,
} as const
/** The kernel sums up the packet (CHECKSUM_COMPLETE, since 6.11) and looks afterwards whether the sum is still right: EBADMSG. */
const CHECKSUM_COMPLETE = 4
const FRAME_BYTES = 8192

const input = nativeBuffer(FRAME_BYTES)
const output = nativeBuffer(FRAME_BYTES)

/** How a program ran: what it returned and left of the frame; or why the kernel did not run it, or did not like what it left. */
export type TestRun =
  | { readonly verdict: number; readonly frame: Uint8Array; readonly error?: never }
  | { readonly error: ErrnoName; readonly verdict?: never }

/** Runs a tc program once on an Ethernet frame, which is handed over as received from the loopback device. */
export const testRun = (programFd: number, frame: ArrayLike<number>, isSummedUp: boolean): TestRun => {
  input.bytes.set(frame)
  let [verdict, lenBytes] = [0, 0]
  const fill = (view: DataView): void => {
    view.setUint32(TEST.PROG_FD, programFd, true)
    view.setUint32(TEST.DATA_SIZE_IN, frame.length, true)
    view.setUint32(TEST.DATA_SIZE_OUT, FRAME_BYTES, true)
    putAddress(view, TEST.DATA_IN, input.address)
    putAddress(view, TEST.DATA_OUT, output.address)
    view.setUint32(TEST.FLAGS, isSummedUp ? CHECKSUM_COMPLETE : 0, true)
  }
  const result = bpf(BPF.PROG_TEST_RUN, fill, (view) => {
    verdict = view.getInt32(TEST.RETVAL, true)
    lenBytes = view.getUint32(TEST.DATA_SIZE_OUT, true)
  })
  return result < 0 ? { error: errnoName(-result) } : { verdict, frame: output.bytes.slice(0, lenBytes) }
}
