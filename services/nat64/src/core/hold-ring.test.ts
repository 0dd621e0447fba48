import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HOST_A, HOST_B, ip6Of, SERVER6 } from '../testkit/core-lab.ts'
import { ip6, udp } from '../testkit/packet-builder.ts'
import { Frame, HEADROOM } from './frame.ts'
import { HoldRing } from './hold-ring.ts'

const frameOf = (src: string, port: number): Frame => {
  const frame = new Frame()
  const packet = ip6({ src, dst: SERVER6 }, udp({ src: port }))
  frame.bytes.set(packet, HEADROOM)
  frame.reset(HEADROOM, packet.length)
  return frame
}
const viewOf = (ip6: string): DataView => new DataView(Uint8Array.from(ip6Of(ip6)).buffer)
const portOf = (frame: Frame): number => frame.view.getUint16(frame.o + 40)

test('holds copies, tells the first of a host, releases in order', () => {
  const ring = new HoldRing(4, new Frame())
  const frame = frameOf(HOST_A.ip6, 1)
  assert.equal(ring.hold(frame, 0, 0), 'first')
  frame.bytes.fill(0)
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 2), 0, 0), 'again')
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 3), 1, 0), 'first', 'another prefix is another mapping')
  assert.equal(ring.hold(frameOf(HOST_B.ip6, 4), 0, 0), 'first')
  assert.equal(ring.hold(frameOf(HOST_B.ip6, 5), 0, 0), 'full')
  const released: number[] = []
  ring.release(viewOf(HOST_A.ip6), 0, 0, (held) => released.push(portOf(held)))
  assert.deepEqual(released, [1, 2])
  assert.equal(ring.hold(frameOf(HOST_B.ip6, 6), 0, 0), 'again')
  const rest: number[] = []
  ring.releaseAll((held) => rest.push(portOf(held)))
  assert.deepEqual(
    rest.toSorted((a, b) => a - b),
    [3, 4, 6],
  )
  ring.releaseAll(() => assert.fail('nothing is held'))
})

test('what waits too long is given up, and the host is asked for again', () => {
  const ring = new HoldRing(2, new Frame())
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 1), 0, 1000), 'first')
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 2), 0, 2000), 'again')
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 3), 0, 3500), 'again', 'the second one still waits')
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 4), 0, 9000), 'first')
})

test('a packet may go back to the slot it came from', () => {
  const ring = new HoldRing(1, new Frame())
  ring.hold(frameOf(HOST_A.ip6, 7), 0, 0)
  ring.release(viewOf(HOST_A.ip6), 0, 0, (held) => assert.equal(ring.hold(held, 0, 0), 'first'))
  ring.release(viewOf(HOST_A.ip6), 0, 0, (held) => assert.equal(portOf(held), 7))
})

test('a packet that is too long is not held', () => {
  const frame = frameOf(HOST_A.ip6, 1)
  frame.len = 2049
  assert.equal(new HoldRing(1, new Frame()).hold(frame, 0, 0), 'full')
})

test('many hosts: each gets its own packets back, in order, whatever else is held, given up and released', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          host: fc.integer({ min: 0, max: 30 }),
          pref: fc.integer({ min: 0, max: 1 }),
          waitMs: fc.constantFrom(0, 0, 1, 900),
          does: fc.constantFrom('hold', 'hold', 'hold', 'release', 'holdAgain'),
        }),
        { maxLength: 200 },
      ),
      (steps) => {
        const ring = new HoldRing(16, new Frame())
        /** What a list of packets would do. */
        let model: { key: string; port: number; sinceMs: number }[] = []
        let nowMs = 0
        for (const [port, { host, pref, waitMs, does }] of steps.entries()) {
          nowMs += waitMs
          const src = `2001:db8:1::${host.toString(16)}`
          const key = `${src} ${pref}`
          if (does === 'hold') {
            model = model.filter(({ sinceMs }) => nowMs - sinceMs <= 2000)
            const isKnown = model.some((held) => held.key === key)
            const expected = model.length === 16 ? 'full' : isKnown ? 'again' : 'first'
            if (expected !== 'full') model.push({ key, port, sinceMs: nowMs })
            assert.equal(ring.hold(frameOf(src, port), pref, nowMs), expected)
            continue
          }
          const released: number[] = []
          ring.release(viewOf(src), 0, pref, (held) => {
            released.push(portOf(held))
            if (does === 'holdAgain') assert.notEqual(ring.hold(held, pref, nowMs), 'full')
          })
          const own = model.filter((held) => held.key === key)
          assert.deepEqual(
            released,
            own.map((held) => held.port),
          )
          model = model.filter((held) => held.key !== key)
          if (does === 'release' || own.length === 0) continue
          model = model.filter(({ sinceMs }) => nowMs - sinceMs <= 2000)
          model.push(...own.map((held) => ({ ...held, sinceMs: nowMs })))
        }
        const rest: number[] = []
        ring.releaseAll((held) => rest.push(portOf(held)))
        assert.deepEqual(
          rest,
          model.map(({ port }) => port),
        )
      },
    ),
  )
})
