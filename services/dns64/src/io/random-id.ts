import { randomFillSync } from 'node:crypto'

/** Ids are drawn in batches: a call into the generator for each would cost more than the rest of the query. */
const pool = new Uint16Array(256)
let next = pool.length

/** An unpredictable 16-bit number (RFC 5452 §9.2). */
export const randomId16 = (): number => {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  return pool[next++] ?? 0
}

/** 32 unpredictable bits. */
export const randomBits32 = (): number => (randomId16() << 16) | randomId16()
