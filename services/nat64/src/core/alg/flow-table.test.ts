import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget } from './budget.ts'
import { type Ends, Flow } from './flow.ts'
import { FlowTable, MAX_FLOWS, MAX_FLOWS_OF_HOST } from './flow-table.ts'

const EDITOR = { cut: () => undefined, isIdle: true }
const SESSION = { up: EDITOR, down: EDITOR, state: undefined, resume: () => undefined }
const BUDGET = new Budget()
const ends = (local4: number, localPort: number): Ends => ({ local4, remote4: 7, localPort, remotePort: 21 })
const flow = (local4: number, localPort: number, nowMs = 0): Flow =>
  new Flow(ends(local4, localPort), { local6: new Uint8Array(16), session: SESSION, budget: BUDGET }, nowMs)

test('connections are found by their ends, and a new one takes the place of an old one', () => {
  const table = new FlowTable()
  const first = flow(1, 1)
  assert.ok(table.add(first, 0))
  assert.equal(table.find(ends(1, 1)), first)
  assert.equal(table.find(ends(1, 2)), undefined)
  const second = flow(1, 1)
  assert.ok(table.add(second, 0))
  assert.equal(table.find(ends(1, 1)), second)
  assert.equal(table.size, 1)
  table.remove(second)
  assert.equal(table.find(ends(1, 1)), undefined)
  assert.equal(table.size, 0)
})

test('no host has more than its share, and all together no more than there is room', () => {
  const table = new FlowTable()
  for (let port = 1; port <= MAX_FLOWS_OF_HOST; port++) assert.ok(table.add(flow(1, port), 0))
  assert.equal(table.add(flow(1, 9999), 0), false)
  assert.ok(table.add(flow(1, 1), 0), 'in the place of one with the same ends')
  for (let index = MAX_FLOWS_OF_HOST; index < MAX_FLOWS; index++) assert.ok(table.add(flow(2 + (index >> 6), index), 0))
  assert.equal(table.add(flow(9_999_999, 1), 0), false)
  assert.equal(table.size, MAX_FLOWS)
})

test('what opens or ends is forgotten after 4 min, what is open after 2 h 4 min', () => {
  const states = {
    opening: [flow(1, 1), 240_001],
    open: [flow(1, 2), 7_440_001],
    reset: [flow(1, 3), 240_001],
    closed: [flow(1, 4), 240_001],
  } as const
  for (const name of ['open', 'reset', 'closed'] as const) states[name][0].isEstablished = true
  states.reset[0].isReset = true
  states.closed[0].sides.up.hasFin = true
  assert.equal(states.closed[0].isClosing, false)
  states.closed[0].sides.down.hasFin = true
  for (const [one, afterMs] of Object.values(states)) {
    assert.equal(one.isExpired(afterMs - 1), false)
    assert.equal(one.isExpired(afterMs), true)
  }
  const table = new FlowTable()
  assert.ok(table.add(states.opening[0], 0))
  assert.ok(table.add(flow(1, 9, 300_000), 300_000))
  assert.equal(table.find(ends(1, 1)), undefined)
  assert.equal(table.size, 1)
})
