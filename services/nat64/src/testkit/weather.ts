import fc from 'fast-check'
import type { Weather } from './alg-lab.ts'

/** Networks of all kinds, each repeatable by its seed. */
export const weatherArb: fc.Arbitrary<Weather> = fc
  .record({
    seed: fc.integer({ min: 1 }),
    loss: fc.constantFrom(0, 5, 20),
    double: fc.constantFrom(0, 8),
    late: fc.constantFrom(0, 6),
    handover: fc.constantFrom(0, 3, 20),
  })
  .map(({ seed, ...rest }) => {
    let state = seed
    const dice = (sides: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * sides)
    }
    return { dice, ...rest }
  })
