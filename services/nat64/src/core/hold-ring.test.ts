import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HOST_A, HOST_B, ip6Of, SERVER6 } from '../testkit/core-lab.ts'
import { ip4, ip6, type Octets, udp } from '../testkit/packet-builder.ts'
import { Frame, HEADROOM } from './frame.ts'
import { BY_DESTINATION4, BY_SOURCE6, HoldRing } from './hold-ring.ts'

const framed = (packet: Octets): Frame => {
  const frame = new Frame()
  frame.bytes.set(packet, HEADROOM)
  frame.reset(HEADROOM, packet.length)
  return frame
}
const frameOf = (src: string, port: number): Frame => framed(ip6({ src, dst: SERVER6 }, udp({ src: port })))
const frameOf4 = (addresses: { readonly src: string; readonly dst: string }, port: number): Frame =>
  framed(ip4(addresses, udp({ src: port })))
const ringOf = (slots: number): HoldRing => new HoldRing({ slots, key: BY_SOURCE6, maxWaitMs: 2000 }, new Frame())
const viewOf = (ip6: string): DataView => new DataView(Uint8Array.from(ip6Of(ip6)).buffer)
const portOf = (frame: Frame): number => frame.view.getUint16(frame.o + 40)

test('holds copies, tells the first of a host, releases in order', () => {
  const ring = ringOf(4)
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

test('what waits too long is given up, oldest first, and the host is asked for again', () => {
  const ring = ringOf(3)
  assert.equal(ring.leftMs(0), Infinity)
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 1), 0, 1000), 'first')
  assert.equal(ring.hold(frameOf(HOST_B.ip6, 2), 0, 1500), 'first')
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 3), 0, 2000), 'again')
  const expired: number[] = []
  const expire = (nowMs: number): void => ring.expire(nowMs, (held) => void expired.push(portOf(held)))
  expire(3000)
  assert.deepEqual([expired, ring.leftMs(3000)], [[], 0], 'to the last millisecond')
  expire(3600)
  assert.deepEqual([expired, ring.leftMs(3600), ring.size], [[1, 2], 400, 1])
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 4), 0, 3600), 'again', 'the third one still waits')
  expire(9000)
  assert.deepEqual([expired, ring.leftMs(9000), ring.size], [[1, 2, 3, 4], Infinity, 0])
  assert.equal(ring.hold(frameOf(HOST_A.ip6, 5), 0, 9000), 'first')
})

test('packets that wait for an IPv4 address are found by it, whoever sent them', () => {
  const ring = new HoldRing({ slots: 4, key: BY_DESTINATION4, maxWaitMs: 1000 }, new Frame())
  const send = (src: string, dst: string, port: number): string => ring.hold(frameOf4({ src, dst }, port), 0, 0)
  assert.equal(send('203.0.113.1', '198.18.0.7', 1), 'first')
  assert.equal(send('203.0.113.1', '198.18.0.8', 2), 'first')
  assert.equal(send('203.0.113.2', '198.18.0.7', 3), 'again')
  const released: number[] = []
  ring.release(new DataView(Uint8Array.of(198, 18, 0, 7).buffer), 0, 0, (held) =>
    released.push(held.view.getUint16(held.o + 20)),
  )
  assert.deepEqual([released, ring.size], [[1, 3], 1])
})

test('a packet may go back to the slot it came from', () => {
  const ring = ringOf(1)
  ring.hold(frameOf(HOST_A.ip6, 7), 0, 0)
  ring.release(viewOf(HOST_A.ip6), 0, 0, (held) => assert.equal(ring.hold(held, 0, 0), 'first'))
  ring.release(viewOf(HOST_A.ip6), 0, 0, (held) => assert.equal(portOf(held), 7))
})

test('a packet that is too long is not held', () => {
  const frame = frameOf(HOST_A.ip6, 1)
  frame.len = 2049
  assert.equal(ringOf(1).hold(frame, 0, 0), 'full')
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
        const ring = ringOf(16)
        /** What a list of packets would do. */
        let model: { key: string; port: number; sinceMs: number }[] = []
        let nowMs = 0
        for (const [port, { host, pref, waitMs, does }] of steps.entries()) {
          nowMs += waitMs
          const src = `2001:db8:1::${host.toString(16)}`
          const key = `${src} ${pref}`
          if (does === 'hold') {
            model = model.filter(({ sinceMs }) => nowMs - sinceMs <= 2000)
            ring.expire(nowMs, () => undefined)
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
