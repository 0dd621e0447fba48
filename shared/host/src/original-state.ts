import { readFileSync } from 'node:fs'
import { networkNamespaceId } from './network-namespace.ts'

/** One sysctl that was changed. */
export interface Entry {
  readonly path: string
  readonly original: string
  /** Values that may be there because of us: the last one, and while a write is under way the next one. */
  readonly written: readonly string[]
  /** Changed by the kernel as a consequence of another entry: restored after all others. */
  readonly consequence: boolean
}

/** Values belong to one boot and one network namespace: with another one the kernel started from its defaults. */
export interface Origin {
  readonly boot: string
  readonly namespace: string
}

/** Where this process is. */
export const thisOrigin = (): Origin => ({
  boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  namespace: networkNamespaceId(),
})

/** What the file holds. */
export interface State {
  readonly origin: Origin
  readonly entries: readonly Entry[]
}

/** The file's text: JSON, indented, so that an operator can read which values were there. */
export const formatState = ({ origin, entries }: State): string =>
  `${JSON.stringify({ version: 1, origin, entries }, undefined, 2)}\n`

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const isEntry = (value: unknown): value is Entry =>
  isRecord(value) &&
  typeof value.path === 'string' &&
  typeof value.original === 'string' &&
  Array.isArray(value.written) &&
  value.written.every((item) => typeof item === 'string') &&
  typeof value.consequence === 'boolean'

/** Reads the file's text; undefined when it is not what `formatState` writes. */
export const parseState = (text: string): State | undefined => {
  let state: unknown
  try {
    state = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(state) || state.version !== 1 || !isRecord(state.origin) || !Array.isArray(state.entries))
    return undefined
  const { boot, namespace } = state.origin
  const { entries } = state
  if (typeof boot !== 'string' || typeof namespace !== 'string' || !entries.every(isEntry)) return undefined
  return { origin: { boot, namespace }, entries }
}
