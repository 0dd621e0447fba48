/** Flows from the uplink that nobody asked for, by IPv6: who is told, and when (RFC 6092 REC-31, REC-34, REC-38, REC-39). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { enterNamespace, SLOWNESS } from '@sixgate/testkit'
import { buildRuleset } from './core/ruleset.ts'
import { PacketLab } from './testkit/packet-lab.ts'
import { type End, HOST_GLOBAL, initPacket, SERVER6, synPacket, tcp } from './testkit/packets.ts'
import { testFacts, testSite } from './testkit/scenarios.ts'

const skip = enterNamespace()
/** RFC 6092: "after waiting at least 6 seconds". */
const WAIT_MS = 6000
/** Only a failed test waits so long. */
const PATIENCE_MS = 60_000 * SLOWNESS
/** How often a sender that is kept waiting tries again. */
const AGAIN_MS = 500

let net: PacketLab
before(async () => {
  if (skip === false) net = await PacketLab.open()
})
after(async () => {
  await net?.close()
})

const GLOBAL = buildRuleset(testSite({ lan: { prefix: '2001:db8:1:2::/64' } }), testFacts())

test('TCP that a LAN host does not ask for: dropped for 6 s, then the sender is told', { skip }, async () => {
  await net.load(GLOBAL)
  const startMs = performance.now()
  const outcome = await net.internet.stream({ ...tcp(HOST_GLOBAL, 9), octets: 1 })
  const tookMs = performance.now() - startMs
  // What Linux makes of ICMPv6 1/1.
  assert.equal(outcome, 'EACCES')
  assert.ok(tookMs >= WAIT_MS, `told after ${Math.round(tookMs)} ms`)
  assert.equal(await net.count('unsolicited-told'), 1)
  assert.ok((await net.count('unsolicited-waits')) > 1)
  assert.equal(await net.count('wan-forward-refused'), 0)
})

const FROM: End = { address: SERVER6, port: 4000 }

for (const [what, packetOf, to, rule] of [
  ['a SYN', synPacket, { address: HOST_GLOBAL, port: 4001 }, 'wan-unsolicited-tcp'],
  ['an INIT of SCTP', initPacket, { address: HOST_GLOBAL, port: 4002 }, 'wan-unsolicited-sctp'],
] as const)
  test(`${what} that comes again and again: not told for 6 s, then each time`, { skip }, async () => {
    const packet = packetOf(FROM, to)
    await net.watch(GLOBAL, { raw6: { destination: to.address, packet } })
    const startMs = performance.now()
    let sent = 0
    while ((await net.count('unsolicited-told')) === 0) {
      assert.ok(performance.now() - startMs < PATIENCE_MS, 'nobody was told')
      net.internet.raw6({ destination: to.address, packet })
      sent++
      await net.counted(rule, sent - 1)
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
    assert.ok(performance.now() - startMs >= WAIT_MS)
    const told = await net.count('unsolicited-told')
    net.internet.raw6({ destination: to.address, packet })
    await net.counted('unsolicited-told', told)
    // Told or not, none of them gets to the host.
    await net.stoppedBy('unsolicited-told')
  })

test('simultaneous open: a SYN that came too early is dropped, and passes once the LAN host has sent its own', {
  skip,
}, async () => {
  // Nobody has that address, so that no kernel meddles with a reset.
  const [far, near]: readonly [End, End] = [
    { address: '2001:db8:ffff::77', port: 5000 },
    { address: HOST_GLOBAL, port: 5001 },
  ]
  const { raw6: early } = await net.watch(GLOBAL, {
    raw6: { destination: near.address, packet: synPacket(far, near) },
  })
  net.internet.raw6(early)
  await net.stoppedBy('unsolicited-waits')
  net.host.raw6({ destination: far.address, packet: synPacket(near, far) })
  await net.counted('lan-to-wan', 0)
  net.internet.raw6(early)
  await net.passedBy('forward-established')
  assert.equal(await net.count('unsolicited-told'), 0)
})
