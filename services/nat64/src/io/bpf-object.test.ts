import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { sizeOf } from '../core/fast-path-layout.ts'
import { readBpfObject } from './bpf-object.ts'
import { BpfError } from './bpf-syscall.ts'
import { OBJECT_FILE } from './fast-path.ts'

// Without it the fast path is off: make unit builds it first.
const object = readFileSync(OBJECT_FILE)

/** Who meets the packets of one side alone does not ask for hosts of the other; who changes nothing, for none. */
const PROGRAMS = { tc: [], from_lan: ['hosts4'], to_lan: ['hosts4', 'hosts6', 'special4', 'totals_map'] } as const

for (const [program, unused] of Object.entries<readonly string[]>(PROGRAMS))
  test(`the maps that program ${program} wants, with the sizes of the tables`, () => {
    const { maps, references, instructions } = readBpfObject(object, program)
    assert.deepEqual(maps.map(({ name, keyBytes, valueBytes }) => `${name} ${keyBytes} ${valueBytes}`).toSorted(), [
      `config_map 4 ${sizeOf('config')}`,
      `flows ${sizeOf('flow_key')} ${sizeOf('flow')}`,
      `hosts4 ${sizeOf('host4_key')} ${sizeOf('host4')}`,
      `hosts6 ${sizeOf('host6_key')} ${sizeOf('host6')}`,
      `special4 ${sizeOf('special4_key')} 4`,
      `totals_map 4 ${sizeOf('totals')}`,
    ])
    const wanted = maps.map(({ name }) => name).filter((name) => !unused.includes(name))
    assert.deepEqual([...new Set(references.map(({ map }) => map))].toSorted(), wanted.toSorted())
    assert.equal(instructions.length % 8, 0)
  })

test('what is no such object is refused with the way out', () => {
  for (const [bytes, message] of [
    [new Uint8Array(0), /cut short: build it anew \(make bpf\)/],
    [readFileSync(process.execPath).subarray(0, 4096), /no 64-bit little-endian ELF object for BPF/],
  ] as const)
    assert.throws(() => readBpfObject(bytes, 'tc'), message)
  assert.throws(() => readBpfObject(object, 'xdp'), /has no section "xdp"/)
})

test('a damaged object is refused or read, never anything else', () => {
  fc.assert(
    fc.property(fc.nat(object.length - 1), fc.nat(255), fc.nat(object.length), (at, value, length) => {
      const damaged = Uint8Array.from(object).subarray(0, length)
      if (at < length) damaged[at] = value
      try {
        readBpfObject(damaged, 'tc')
      } catch (error) {
        assert.ok(error instanceof BpfError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})
