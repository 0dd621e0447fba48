import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { libc } from '@sixgate/host'

/**
 * One console of a state directory is active: the one that has the lock of a file in it. The lock ends with its process, however that
 * ends.
 */
export class Seat {
  readonly #file: string
  #fd = -1

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'console.lock')
    mkdirSync(stateDir, { recursive: true })
  }

  /** True when this console has it, now or already. Throws what `node:fs` throws. */
  take(): boolean {
    if (this.#fd >= 0) return true
    const fd = openSync(this.#file, 'w', 0o600)
    if (libc.tryLock(fd)) this.#fd = fd
    else closeSync(fd)
    return this.#fd >= 0
  }
}
