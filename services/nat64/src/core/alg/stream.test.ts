import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget } from './budget.ts'
import { type Editor, Stream } from './stream.ts'

/** Holds everything up to a full stop, and says it in capitals. */
const SHOUT: Editor = {
  isIdle: false,
  cut: (bytes) => {
    const end = bytes.indexOf('.'.charCodeAt(0))
    if (end < 0) return undefined
    return { take: end + 1, put: bytes.slice(0, end + 1).map((octet) => (octet >= 97 ? octet - 32 : octet)) }
  },
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (stream: Stream): string => new TextDecoder().decode(stream.out)

test('what is kept counts against a budget of all, until it is acknowledged or forgotten', () => {
  const budget = new Budget(10)
  const [one, other] = [new Stream(SHOUT, budget), new Stream(SHOUT, budget)]
  assert.equal(one.accept(0, bytes('abc.de'), false), 'accepted')
  assert.equal(textOf(one), 'ABC.')
  assert.equal(budget.usedBytes, 6)
  assert.equal(other.accept(0, bytes('abcdefgh'), false), 'accepted')
  assert.equal(budget.usedBytes, 14)
  // Nobody gets anything new through; what is under way is sent again.
  assert.equal(one.accept(6, bytes('f.'), false), 'full')
  assert.equal(one.accept(0, bytes('abc.'), false), 'accepted')
  assert.equal(textOf(one), 'ABC.')
  one.acknowledge(4)
  assert.equal(budget.usedBytes, 10)
  assert.equal(one.accept(6, bytes('f.'), false), 'accepted')
  assert.equal(textOf(one), 'DEF.')
  other.release()
  one.release()
  assert.equal(budget.usedBytes, 0)
})

test('numbers of packets that went another way: the stream goes on behind them', () => {
  const stream = new Stream(SHOUT)
  stream.start(100)
  assert.equal(stream.accept(200, bytes('late.'), false), 'gap')
  assert.equal(stream.acknowledge(200), 200)
  assert.equal(stream.accept(200, bytes('late.'), false), 'accepted')
  assert.equal(textOf(stream), 'LATE.')
})

test('a stream that ends gives out what it held, as it is', () => {
  const stream = new Stream(SHOUT)
  assert.equal(stream.accept(5, bytes('half'), false), 'accepted')
  assert.equal(textOf(stream), '')
  assert.equal(stream.accept(9, bytes(''), true), 'accepted')
  assert.equal(textOf(stream), 'half')
  assert.equal(stream.outSeq, 5)
})
