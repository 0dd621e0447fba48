import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  LEASE_BEAT_MS,
  LEASE_EXPIRY_MS,
  LEASE_GRACE_MS,
  LEASE_LOOK_MS,
  type LeaseEntry,
  type LeaseState,
  looked,
  nextMove,
  outdated,
  released,
  startLease,
  unanswered,
  untilNextMove,
  won,
} from './lease-state.ts'

const fresh = startLease('a', 0)
const holder = won(fresh, 7, 0)
const standby = looked(fresh, { holder: 'b', revision: 7 }, 0)

describe('what an instance asks of the bucket', () => {
  const cases: readonly (readonly [string, LeaseState, number, ReturnType<typeof nextMove>])[] = [
    ['at first: who holds it', fresh, 0, { do: 'look' }],
    ['nobody: make it', looked(fresh, undefined, 0), 0, { do: 'create' }],
    ['the holder renews', holder, 500, { do: 'write', revision: 7 }],
    [
      'the holder of yesterday, itself',
      looked(fresh, { holder: 'a', revision: 3 }, 0),
      0,
      { do: 'write', revision: 3 },
    ],
    ['somebody else, a moment ago', standby, LEASE_EXPIRY_MS - 1, { do: 'look' }],
    ['somebody else, who does not renew', standby, LEASE_EXPIRY_MS, { do: 'write', revision: 7 }],
    ['somebody else, while NATS does not answer: is he back', unanswered(standby, 100), 10_000, { do: 'look' }],
    ['the same, his entry lost', unanswered(looked(standby, undefined, 0), 100), 10_000, { do: 'look' }],
    ['somebody else, who handed it over', released(standby), 0, { do: 'look' }],
    ['after that nobody', looked(released(standby), undefined, 0), 0, { do: 'create' }],
    ['storage lost: the holder first', looked(standby, undefined, 5000), 5000 + LEASE_EXPIRY_MS - 1, { do: 'look' }],
    ['storage lost, the holder too', looked(standby, undefined, 5000), 5000 + LEASE_EXPIRY_MS, { do: 'create' }],
    ['storage lost, seen by the holder', looked(outdated(holder), undefined, 5000), 5000, { do: 'create' }],
    ['the deletion of its own entry, by somebody', released(holder), 0, { do: 'look' }],
  ]
  for (const [name, state, nowMs, move] of cases) it(name, () => assert.deepEqual(nextMove(state, nowMs), move))
})

describe('when the next move comes', () => {
  const cases: readonly (readonly [string, LeaseState, number, number])[] = [
    ['of the holder', holder, 0, LEASE_BEAT_MS],
    ['of one who stands by', standby, 0, LEASE_LOOK_MS],
    ['when the lease may be taken soon: right then', standby, LEASE_EXPIRY_MS - 30, 30],
    ['rounded up, or it would be too early', standby, LEASE_EXPIRY_MS - 29.5, 30],
    ['when it may be taken, but could not: no faster than usual', standby, LEASE_EXPIRY_MS + 1, LEASE_LOOK_MS],
    ['while nothing is known', fresh, 10_000, LEASE_LOOK_MS],
    ['over what an earlier life of its own left', looked(fresh, { holder: 'a', revision: 3 }, 0), 1990, LEASE_LOOK_MS],
  ]
  for (const [name, state, nowMs, expected] of cases)
    it(name, () => assert.equal(untilNextMove(state, nowMs), expected))
})

describe('what an instance is', () => {
  it('active once a write was accepted, and no longer when it sees another holder', () => {
    assert.deepEqual([fresh.active, holder.active], [false, true])
    const lost = looked(outdated(holder), { holder: 'b', revision: 9 }, 1)
    assert.deepEqual([lost.active, lost.other], [false, 'b'])
  })

  it('active still when the entry is its own with another revision: a write that was not answered', () => {
    assert.equal(looked(outdated(holder), { holder: 'a', revision: 9 }, 1).active, true)
  })

  it('the holder without NATS goes on', () => {
    assert.equal(unanswered(unanswered(holder, 10), 1_000_000).active, true)
  })

  it('who knows of a holder stays silent without NATS, for ever', () => {
    assert.equal(unanswered(unanswered(standby, 10), 1_000_000).active, false)
  })

  for (const [name, state] of [
    ['who never saw one', fresh],
    ['who saw it handed over', unanswered(released(standby), 0)],
  ] as const)
    it(`${name} goes alone after ${LEASE_GRACE_MS} ms without NATS`, () => {
      assert.equal(unanswered(state, LEASE_GRACE_MS - 1).active, false)
      assert.equal(unanswered(state, LEASE_GRACE_MS).active, true)
    })

  it('a silence of NATS is not the silence of the holder: his time begins anew', () => {
    const back = looked(unanswered(standby, 100), { holder: 'b', revision: 7 }, 9000)
    assert.deepEqual(nextMove(back, 9000 + LEASE_EXPIRY_MS - 1), { do: 'look' })
    assert.deepEqual(nextMove(back, 9000 + LEASE_EXPIRY_MS), { do: 'write', revision: 7 })
  })

  it('looking at the same entry again does not make the holder any younger', () => {
    const again = looked(looked(standby, { holder: 'b', revision: 7 }, 900), { holder: 'b', revision: 7 }, 1900)
    assert.deepEqual(nextMove(again, LEASE_EXPIRY_MS), { do: 'write', revision: 7 })
  })
})

/** A bucket of one key that does what JetStream does, and instances whose calls interleave in any order. */
describe('any number of instances, any order of their calls', () => {
  it('one holder at most among those that see the bucket', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(1200)), { minLength: 1, maxLength: 200 }), (turns) => {
        let entry: LeaseEntry | undefined
        let sequence = 0
        let nowMs = 0
        const states = ['a', 'b', 'c', 'd'].map((name) => startLease(name, 0))
        for (const [who, passedMs] of turns) {
          nowMs += passedMs
          const state = states[who] ?? assert.fail()
          const move = nextMove(state, nowMs)
          if (move.do === 'look') states[who] = looked(state, entry, nowMs)
          else if (move.do === 'write' ? entry?.revision !== move.revision : entry !== undefined)
            states[who] = outdated(state)
          else {
            sequence += 1
            entry = { holder: state.me, revision: sequence }
            states[who] = won(state, sequence, nowMs)
          }
          // Whoever believes to hold what another holds learns it with the next call.
          const believers = states.filter(({ active, me }) => active && entry?.holder !== me)
          for (const believer of believers) {
            assert.equal(nextMove(believer, nowMs).do === 'create', false)
            assert.equal(looked(outdated(believer), entry, nowMs).active, false)
          }
        }
      }),
    )
  })
})
