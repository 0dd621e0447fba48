/** Random packets through both translators: what the kernel translates, TypeScript translates to the same bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HostError } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import fc from 'fast-check'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { IPV6 } from '../core/wire/ipv6.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { comparable, untouched } from '../testkit/comparable.ts'
import { CoreLab } from '../testkit/core-lab.ts'
import { FastPathLab } from '../testkit/fast-path-lab.ts'
import { LanLab } from '../testkit/lan-lab.ts'
import { RANDOM_SITE, randomPacket, randomPacket4, randomPacket6 } from '../testkit/random-packets.ts'

const skip = enterNamespace()
const RUNS = Number(process.env.FUZZ_RUNS ?? 1500)

test(`${RUNS} random packets`, { skip }, (t) => {
  const lab = new FastPathLab(RANDOM_SITE)
  const core = new CoreLab(RANDOM_SITE)
  const by = { kernel: 0, typescript: 0, refused: 0 }
  try {
    fc.assert(
      fc.property(randomPacket, (octets) => {
        const input = Uint8Array.from(octets)
        // Nothing of it would arrive at a TUN.
        if (input.length <= VNET.LEN) return
        let passage
        try {
          passage = lab.play(input)
        } catch (error) {
          // The kernel does not take every offload header.
          if (!(error instanceof HostError) || error.code !== 'EINVAL') throw error
          by.refused += 1
          return
        }
        by[passage.by] += 1
        if (passage.by === 'typescript') {
          assert.equal(untouched(passage.packet), untouched(input), 'fell through, but changed')
          return
        }
        const { verdict, out } = core.play(input)
        assert.match(verdict, /^TRANSLATED_/)
        assert.equal(out.length, 1)
        assert.equal(comparable(passage.packet), comparable(out[0] ?? new Uint8Array(0)))
      }),
      { numRuns: RUNS },
    )
  } finally {
    lab.close()
  }
  t.diagnostic(JSON.stringify(by))
  // Else nothing was compared.
  assert.ok(by.kernel > RUNS / 10 && by.typescript > RUNS / 10, JSON.stringify(by))
})

test(`${RUNS} random packets from a LAN`, { skip }, (t) => {
  const lab = new LanLab(RANDOM_SITE, silent)
  const core = new CoreLab(RANDOM_SITE)
  const by = { lan: 0, kernel: 0, typescript: 0, stack: 0, refused: 0 }
  try {
    fc.assert(
      fc.property(randomPacket6, (octets) => {
        const input = Uint8Array.from(octets)
        const hopLimit = VNET.LEN + IPV6.HOP_LIMIT
        // Nothing that could be sent one hop earlier.
        if (input.length <= VNET.LEN + IPV6.LEN || input[hopLimit] === 255) return
        let passage
        try {
          passage = lab.playKnown(input).second
        } catch (error) {
          if (!(error instanceof HostError) || error.code !== 'EINVAL') throw error
          by.refused += 1
          return
        }
        by[passage.by] += 1
        if (passage.by === 'stack' || passage.by === 'typescript') return
        const { verdict, out } = core.play(input)
        assert.match(verdict, /^TRANSLATED_/)
        assert.equal(out.length, 1)
        assert.equal(comparable(passage.packet), comparable(out[0] ?? new Uint8Array(0)))
      }),
      { numRuns: RUNS },
    )
  } finally {
    lab.close()
  }
  t.diagnostic(JSON.stringify(by))
  assert.ok(by.lan > RUNS / 20 && by.typescript > RUNS / 20, JSON.stringify(by))
})

test(`${RUNS} random packets to a LAN`, { skip }, (t) => {
  const lab = new LanLab(RANDOM_SITE, silent)
  const core = new CoreLab(RANDOM_SITE)
  const by = { lan: 0, kernel: 0, typescript: 0, refused: 0 }
  try {
    fc.assert(
      fc.property(randomPacket4, (octets) => {
        const input = Uint8Array.from(octets)
        if (input.length <= VNET.LEN) return
        let passage
        try {
          passage = lab.playKnownAnswer(input).second
        } catch (error) {
          if (!(error instanceof HostError) || error.code !== 'EINVAL') throw error
          by.refused += 1
          return
        }
        by[passage.by] += 1
        if (passage.by !== 'lan') return
        const { verdict, out } = core.play(input)
        assert.match(verdict, /^TRANSLATED_/)
        assert.equal(out.length, 1)
        assert.ok(passage.packet !== undefined, 'it did not arrive')
        assert.equal(comparable(passage.packet), comparable(out[0] ?? new Uint8Array(0)))
      }),
      { numRuns: RUNS },
    )
  } finally {
    lab.close()
  }
  t.diagnostic(JSON.stringify(by))
  assert.ok(by.lan > RUNS / 20 && by.typescript > RUNS / 20, JSON.stringify(by))
})
