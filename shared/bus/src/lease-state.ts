/** The holder renews its lease this often. */
export const LEASE_BEAT_MS = 500
/** The others look this often whether it was. */
export const LEASE_LOOK_MS = 250
/** A lease that was not renewed for this long, by the observer's own clock, may be taken: a takeover ends within 3 s. */
export const LEASE_EXPIRY_MS = 2000
/** An instance that knows no holder, and hears nothing of NATS for this long, goes alone. */
export const LEASE_GRACE_MS = 3000

/** Revision of an entry that the storage lost: JetStream counts from 1. */
const LOST = 0

/** The entry of the lease as the bucket holds it. */
export interface LeaseEntry {
  readonly holder: string
  /** Sequence number of the write, which compare-and-set needs. */
  readonly revision: number
}

/** What one instance knows. All times are milliseconds on its own monotonic clock; clocks are never compared. */
export interface LeaseState {
  readonly me: string
  /** This instance is the one that does the work. */
  readonly active: boolean
  /** The entry as last seen; `none`: there is none; `unknown`: not looked yet, or what was seen is out of date. */
  readonly entry: LeaseEntry | 'none' | 'unknown'
  /** Who else held the lease when last heard of; undefined: nobody, or it was handed over. */
  readonly other: string | undefined
  /** Since when `entry` stands as it is. */
  readonly sinceMs: number
  /** Since when NATS does not answer; undefined: the last call was answered. */
  readonly silentSinceMs: number | undefined
}

/** `look`: read the entry; `create`: there is none; `write`: over the entry's revision. */
export type LeaseMove = { readonly do: 'look' | 'create' } | { readonly do: 'write'; readonly revision: number }

export const startLease = (me: string, nowMs: number): LeaseState => ({
  me,
  active: false,
  entry: 'unknown',
  other: undefined,
  sinceMs: nowMs,
  silentSinceMs: nowMs,
})

/** What to ask of the bucket at `nowMs`. */
export const nextMove = ({ me, entry, sinceMs, silentSinceMs }: LeaseState, nowMs: number): LeaseMove => {
  if (entry === 'unknown') return { do: 'look' }
  if (entry === 'none') return { do: 'create' }
  // One's own name while not active: an earlier life of this instance, which is over.
  // After a silence of NATS whoever is back first would find the other's lease expired, and takes it if he does not look.
  if (entry.holder !== me && (silentSinceMs !== undefined || nowMs - sinceMs < LEASE_EXPIRY_MS)) return { do: 'look' }
  return entry.revision === LOST ? { do: 'create' } : { do: 'write', revision: entry.revision }
}

/** How long after a move the next one comes, in milliseconds. */
export const untilNextMove = ({ me, active, entry, sinceMs }: LeaseState, nowMs: number): number => {
  if (active) return LEASE_BEAT_MS
  // Not a look later than a silent holder's lease may be taken. Where it could not be taken, it is tried again like anything.
  const leftMs = isEntry(entry) && entry.holder !== me ? sinceMs + LEASE_EXPIRY_MS - nowMs : LEASE_LOOK_MS
  return leftMs > 0 ? Math.min(LEASE_LOOK_MS, Math.ceil(leftMs)) : LEASE_LOOK_MS
}

/** A write was accepted: this instance holds the lease. */
export const won = (state: LeaseState, revision: number, nowMs: number): LeaseState => ({
  ...state,
  active: true,
  entry: { holder: state.me, revision },
  other: undefined,
  sinceMs: nowMs,
  silentSinceMs: undefined,
})

/** Somebody else was faster, or the storage is another one: what is known of the entry is out of date. */
export const outdated = (state: LeaseState): LeaseState => ({ ...state, entry: 'unknown', silentSinceMs: undefined })

/**
 * The entry was read; undefined: there is none. It is created next, except where somebody else held it and did not say that
 * he goes: then the storage was lost (NATS was restarted), and he gets the time to be back first. After a silence of NATS
 * the time of the holder begins anew for the same reason.
 */
export const looked = (state: LeaseState, entry: LeaseEntry | undefined, nowMs: number): LeaseState => {
  const answered = { ...state, silentSinceMs: undefined }
  if (entry === undefined) {
    if (state.active || state.other === undefined) return { ...answered, entry: 'none', sinceMs: nowMs }
    return isEntry(state.entry) && state.entry.revision === LOST && state.silentSinceMs === undefined
      ? answered
      : { ...answered, entry: { holder: state.other, revision: LOST }, sinceMs: nowMs }
  }
  const isSame = isEntry(state.entry) && state.entry.holder === entry.holder && state.entry.revision === entry.revision
  const isMine = entry.holder === state.me
  return {
    ...answered,
    active: state.active && isMine,
    entry,
    other: isMine ? undefined : entry.holder,
    sinceMs: isSame && state.silentSinceMs === undefined ? state.sinceMs : nowMs,
  }
}

/** The watch says that the entry was deleted: the holder handed the lease over. */
export const released = (state: LeaseState): LeaseState =>
  state.active ? { ...state, entry: 'unknown' } : { ...state, entry: 'unknown', other: undefined }

/**
 * NATS did not answer. Everyone goes on as before: the holder holds, and who knows of a holder stays silent, because he
 * cannot tell whether that one lives. Only who knows of none goes alone after LEASE_GRACE_MS.
 */
export const unanswered = (state: LeaseState, nowMs: number): LeaseState => {
  const silentSinceMs = state.silentSinceMs ?? nowMs
  const isAlone = state.other === undefined && nowMs - silentSinceMs >= LEASE_GRACE_MS
  return { ...state, active: state.active || isAlone, silentSinceMs }
}

const isEntry = (entry: LeaseState['entry']): entry is LeaseEntry => typeof entry === 'object'
