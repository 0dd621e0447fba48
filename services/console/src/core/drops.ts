/** What an instance of nat64 answers to the question `drops`, one for each reason. */
export interface Drop {
  readonly reason: string
  readonly packets: number
  readonly sentence: string
}

/** The drops of all instances together, most packets first. */
export const sumDrops = (instances: readonly (readonly Drop[])[]): Drop[] => {
  const sums = new Map<string, Drop>()
  for (const drop of instances.flat()) {
    const packets = (sums.get(drop.reason)?.packets ?? 0) + drop.packets
    sums.set(drop.reason, { ...drop, packets })
  }
  return [...sums.values()].toSorted((a, b) => b.packets - a.packets)
}
