/**
 * A few of `items` that still `fail`, found by taking out runs of halving length (delta debugging). Order and last item
 * stay. `undefined`: all of them together do not fail.
 */
export const shrink = <T>(items: readonly T[], fails: (some: readonly T[]) => boolean): readonly T[] | undefined => {
  if (!fails(items)) return undefined
  let left = items
  for (let runLength = items.length >>> 1; runLength > 0; runLength >>>= 1) {
    for (let end = left.length - 1; end > 0; end -= runLength) {
      const without = left.filter((_, index) => index < end - runLength || index >= end)
      if (fails(without)) left = without
    }
  }
  return left
}
