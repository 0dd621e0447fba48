import { readIfThere, removeDurably, setAside, writeDurably } from './durable-file.ts'
import { HostError } from './host-error.ts'
import { type Entry, formatState, type Origin, parseState, thisOrigin } from './original-state.ts'
import { type Sysctls, sameValue } from './sysctl.ts'

/** What `set` may need beside path and value. */
export interface SetOptions {
  /**
   * Other sysctls that the kernel changes along, e.g. every `ipv4/conf/<link>/forwarding` when
   * `ipv4/conf/all/forwarding` is written: their originals are recorded too, and restored after it.
   */
  readonly affects?: readonly string[]
}

/** A sysctl that somebody else changed after we did. */
export interface ForeignValue {
  readonly path: string
  readonly ours: string
  readonly found: string
  readonly original: string
}

/** What `restore` did, by path. */
export interface RestoreReport {
  /** Has its original value again (also when it had it all along). */
  readonly restored: readonly string[]
  /** Left alone, because somebody else changed it in the meantime. */
  readonly foreign: readonly ForeignValue[]
  /** No longer there, e.g. of a link that is gone. */
  readonly vanished: readonly string[]
  /** Could not be read or written; still recorded, so a later `restore` tries again. */
  readonly failed: readonly { readonly path: string; readonly error: HostError }[]
}

type Outcome =
  | { readonly kind: 'ours' }
  | { readonly kind: 'restored' }
  | { readonly kind: 'vanished' }
  | { readonly kind: 'foreign'; readonly found: string }
  | { readonly kind: 'failed'; readonly error: HostError }

/**
 * Changes sysctls and can take the changes back, also from another process later: the first original value of each is
 * in a file that reaches the disk before the sysctl is touched. The file is read anew each time, so several processes
 * may share it as long as one at a time changes sysctls.
 */
export class OriginalValues {
  readonly #sysctls: Sysctls
  readonly #file: string
  readonly #origin: Origin
  /** What the kernel made of a value that it does not keep as it is written (table sizes are rounded). */
  readonly #settled = new Map<string, { readonly asked: string; readonly kept: string }>()
  #note: string | undefined

  /** `file`: where to keep the originals, in the service's state directory. An unreadable file is set aside (`note`). */
  constructor(sysctls: Sysctls, file: string, origin: Origin = thisOrigin()) {
    this.#sysctls = sysctls
    this.#file = file
    this.#origin = origin
    this.#load()
  }

  /** What the operator should know about a file that was found; undefined when all was well. */
  get note(): string | undefined {
    return this.#note
  }

  /** The recorded originals by path. */
  get originals(): ReadonlyMap<string, string> {
    return new Map(this.#load().map((entry) => [entry.path, entry.original]))
  }

  #load(): readonly Entry[] {
    const text = readIfThere(this.#file)
    if (text === undefined) return []
    const state = parseState(text)
    if (state === undefined) {
      const aside = setAside(this.#file)
      this.#note = `${this.#file}: not readable as recorded sysctl values, kept as ${aside}; values set before now will not be restored`
      return []
    }
    if (state.origin.boot !== this.#origin.boot || state.origin.namespace !== this.#origin.namespace) {
      this.#note = `${this.#file}: recorded before the last boot or in another network namespace; forgotten, the kernel has its own values again`
      removeDurably(this.#file)
      return []
    }
    return state.entries
  }

  #save(entries: readonly Entry[]): void {
    if (entries.length === 0) removeDurably(this.#file)
    else writeDurably(this.#file, formatState({ origin: this.#origin, entries }))
  }

  /**
   * Gives a sysctl a value, with its original recorded first. Returns whether it was changed; false, without any
   * writing, when it has the value already. Throws `HostError` when it cannot be set, and what `node:fs` throws when the
   * record cannot be kept: then the sysctl was not touched.
   */
  set(path: string, value: string, { affects = [] }: SetOptions = {}): boolean {
    const present = this.#sysctls.read(path)
    if (present !== undefined && this.#isSet(path, value, present)) return false
    const wanted = [{ path, value, consequence: false }]
    const along = affects.filter((other) => other !== path)
    this.#record([...wanted, ...along.map((other) => ({ path: other, value, consequence: true }))])
    this.#sysctls.write(path, value)
    this.#recordOutcome(path, value, along)
    return true
  }

  /** The kernel may have made something else of the value, or of those it changed along: that is ours too. */
  #recordOutcome(path: string, value: string, along: readonly string[]): void {
    const after = this.#sysctls.read(path)
    if (after !== undefined && !sameValue(after, value)) this.#settled.set(path, { asked: value, kept: after })
    const known = new Map(this.#load().map((entry) => [entry.path, entry]))
    const unknown = [path, ...along].flatMap((other) => {
      const [entry, found] = [known.get(other), this.#sysctls.read(other)]
      if (entry === undefined || found === undefined) return []
      const expected = [entry.original, ...entry.written].some((each) => sameValue(each, found))
      return expected ? [] : [{ path: other, value: found, consequence: other !== path }]
    })
    if (unknown.length > 0) this.#record(unknown)
  }

  #isSet(path: string, value: string, present: string): boolean {
    if (sameValue(present, value)) return true
    const settled = this.#settled.get(path)
    return settled !== undefined && sameValue(settled.asked, value) && sameValue(settled.kept, present)
  }

  /** Writes down what is about to be changed and what is there now; sysctls that do not exist are left out. */
  #record(changes: readonly { readonly path: string; readonly value: string; readonly consequence: boolean }[]): void {
    const entries = new Map(this.#load().map((entry) => [entry.path, entry]))
    for (const { path, value, consequence } of changes) {
      const present = this.#sysctls.read(path)
      if (present === undefined) continue
      const known = entries.get(path)
      if (known === undefined) entries.set(path, { path, original: present, written: [value], consequence })
      else {
        const written = [...known.written.filter((ours) => sameValue(ours, present)), value]
        entries.set(path, { ...known, written, consequence: known.consequence && consequence })
      }
    }
    if (entries.size > 0) this.#save([...entries.values()])
  }

  /**
   * Writes the originals back, in the reverse order of `set`, and forgets them. A value that somebody else changed in
   * the meantime is left alone and reported. Never throws for a single sysctl: see `failed`.
   */
  restore(): RestoreReport {
    const entries = this.#load()
    if (entries.length === 0) return NOTHING_RESTORED
    const reversed = entries.toReversed()
    const ordered = [
      ...reversed.filter((entry) => !entry.consequence),
      ...reversed.filter((entry) => entry.consequence),
    ]
    // Judged before anything is written: writing one back may change its consequences, those of others included.
    const judged = ordered.map((entry) => ({ entry, verdict: this.#judge(entry) }))
    const done = judged.map(({ entry, verdict }) => ({ entry, outcome: this.#settle(entry, verdict) }))
    this.#save(done.filter(({ outcome }) => outcome.kind === 'failed').map(({ entry }) => entry))
    this.#settled.clear()
    return reportOf(done)
  }

  /** Whether what stands there now is the original, ours, or somebody else's. */
  #judge(entry: Entry): Outcome {
    return outcomeOf(() => {
      const found = this.#sysctls.read(entry.path)
      if (found === undefined) return { kind: 'vanished' }
      const known = [entry.original, ...entry.written].some((value) => sameValue(value, found))
      return known ? { kind: 'ours' } : { kind: 'foreign', found }
    })
  }

  #settle({ path, original, consequence }: Entry, verdict: Outcome): Outcome {
    return outcomeOf(() => {
      if (verdict.kind === 'ours') {
        this.#sysctls.write(path, original)
        return { kind: 'restored' }
      }
      if (verdict.kind === 'foreign' && consequence) this.#sysctls.write(path, verdict.found)
      return verdict
    })
  }
}

const outcomeOf = (run: () => Outcome): Outcome => {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return error.code === 'ENOENT' ? { kind: 'vanished' } : { kind: 'failed', error }
  }
}

const NOTHING_RESTORED: RestoreReport = { restored: [], foreign: [], vanished: [], failed: [] }

const reportOf = (done: readonly { readonly entry: Entry; readonly outcome: Outcome }[]): RestoreReport => ({
  restored: done.filter(({ outcome }) => outcome.kind === 'restored').map(({ entry }) => entry.path),
  vanished: done.filter(({ outcome }) => outcome.kind === 'vanished').map(({ entry }) => entry.path),
  foreign: done.flatMap(({ entry: { path, original, written }, outcome }) =>
    outcome.kind === 'foreign' ? [{ path, ours: written.at(-1) ?? '', found: outcome.found, original }] : [],
  ),
  failed: done.flatMap(({ entry: { path }, outcome }) =>
    outcome.kind === 'failed' ? [{ path, error: outcome.error }] : [],
  ),
})
