import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { readUstar, ustar, UstarError } from './ustar.ts'

const text = fc.string({ unit: 'binary', maxLength: 2000 })
const name = fc.stringMatching(/^[\w./-]{1,100}$/)
const file = fc.record({ name, text }, { noNullPrototype: true })

it('readUstar reads what ustar wrote', () => {
  fc.assert(
    fc.property(fc.uniqueArray(file, { selector: ({ name: one }) => one }), (files) => {
      assert.deepEqual(readUstar(ustar(files, 1_700_000_000)), files)
    }),
  )
})

it('readUstar of anything, or of an archive with octets changed, throws UstarError or reads it', () => {
  const good = ustar([{ name: 'a/b.json', text: '{"x":1}' }], 0)
  const change = fc.record({ at: fc.nat(good.length - 1), octet: fc.nat(255) })
  const spoilt = fc.array(change, { maxLength: 4 }).map((changes) => {
    const bytes = Uint8Array.from(good)
    for (const { at, octet } of changes) bytes[at] = octet
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 3000 }), spoilt), (bytes) => {
      try {
        readUstar(bytes)
      } catch (error) {
        assert.ok(error instanceof UstarError, String(error))
      }
    }),
  )
})
