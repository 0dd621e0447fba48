import koffi from 'koffi'

/** The C name of an error number, e.g. `ENODEV`; `E<number>` for one this system's headers do not name. */
export type ErrnoName = `E${string}`

// Numbers with two names: the one that Linux's manual pages use wins.
const PREFERRED: readonly string[] = ['EAGAIN', 'EOPNOTSUPP', 'EDEADLK']

const NAMES: ReadonlyMap<number, ErrnoName> = new Map(
  Object.entries(koffi.os.errno)
    .toSorted(([a], [b]) => Number(PREFERRED.includes(a)) - Number(PREFERRED.includes(b)))
    .map(([name, number]) => [number, name as ErrnoName]),
)

const strerror = koffi.load(null).func('strerror', 'str', ['int']) as (errno: number) => string

/** The name of a positive error number. */
export const errnoName = (errno: number): ErrnoName => NAMES.get(errno) ?? `E${errno}`

/** The C library's sentence for a positive error number, e.g. `No such device`. */
export const errnoText = (errno: number): string => strerror(errno)

/** The number behind a name, e.g. 19 for `ENODEV`; throws a RangeError for a name that this system does not have. */
export const errnoNumber = (name: ErrnoName): number => {
  const number = koffi.os.errno[name]
  if (number === undefined) throw new RangeError(`${name} is no error name of this system`)
  return number
}
