import { addressOf } from '@sixgate/host'
import { Frame } from '../core/frame.ts'

/** A frame that system calls read into and write from. */
export class NativeFrame extends Frame {
  /** Where `bytes[0]` is in this process. */
  readonly address: number = addressOf(this.bytes)
}
