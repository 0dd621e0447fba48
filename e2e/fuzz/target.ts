/** One thing that reads what others wrote. */
export interface Target {
  readonly name: string
  /** Good examples of each kind of input, from which odd ones are made. */
  readonly seeds: Readonly<Record<string, readonly Uint8Array[]>>
  /** Words that texts are made odd with; without them octets are changed. */
  readonly words?: readonly string[]
  /** What is wrong with the way an input was treated; undefined: nothing. What it throws is a complaint, too. */
  judge(kind: string, input: Uint8Array): Promise<string | undefined> | string | undefined
  /** What an input may take on whatever machine, 5000 when left out. */
  readonly slowMs?: number
  /** Ends what `judge` has started. */
  close?(): Promise<void>
}

/** JSON values that are seldom thought of. */
export const ODD_JSON: readonly string[] = [
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  '""',
  '"\\u001b[2J"',
  '"\\u0000"',
  '[]',
  '{}',
]

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
