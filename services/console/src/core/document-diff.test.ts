import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { colourfulLine, diffTexts, fieldChanges, renderDiff } from './document-diff.ts'

const ROWS: readonly (readonly [string, unknown, unknown, readonly string[]])[] = [
  ['nothing', { a: 1, b: [1, 2] }, { b: [1, 2], a: 1 }, []],
  ['a field', { wan: { interface: 'auto' } }, { wan: { interface: 'eth1' } }, ['wan.interface: "auto" → "eth1"']],
  ['a new field', { dns64: {} }, { dns64: { prefetch: true } }, ['dns64.prefetch: undefined → true']],
  ['a field less', { dns64: { prefetch: true } }, { dns64: {} }, ['dns64.prefetch: true → undefined']],
  ['a longer list', { pref64: ['a'] }, { pref64: ['a', 'b'] }, ['pref64[1]: undefined → "b"']],
  ['a shorter list', { pref64: ['a', 'b'] }, { pref64: ['b'] }, ['pref64[0]: "a" → "b"', 'pref64[1]: "b" → undefined']],
  ['another kind', { exclude: 'auto' }, { exclude: [] }, ['exclude: "auto" → []']],
]

const show = (value: unknown): string => JSON.stringify(value) ?? 'undefined'

describe('fields that differ', () => {
  for (const [what, before, after, changes] of ROWS)
    it(what, () =>
      assert.deepEqual(
        fieldChanges(before, after).map((one) => `${one.path}: ${show(one.before)} → ${show(one.after)}`),
        changes,
      ),
    )

  it('of a document and itself there are none', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => fieldChanges(value, structuredClone(value)).length === 0))
  })
})

const OLD = `lan:
  interface: eth0   # the port
  vlan: 2
  prefix: auto
  router: ::1
wan:
  interface: auto
`
const NEW = OLD.replace('vlan: 2', 'vlan: 3')

describe('a diff of texts', () => {
  it('is as diff(1) writes it, comments and all', () => {
    assert.equal(
      renderDiff({ before: 'revision 1', after: 'revision 2' }, diffTexts(OLD, NEW)),
      `--- revision 1
+++ revision 2
@@ -1,6 +1,6 @@
 lan:
   interface: eth0   # the port
-  vlan: 2
+  vlan: 3
   prefix: auto
   router: ::1
 wan:
`,
    )
  })

  it('has colours on a terminal alone', () => {
    const parts = diffTexts(OLD, NEW)
    const text = renderDiff({ before: 'a', after: 'b' }, parts, colourfulLine)
    assert.ok(text.includes('\u001b[31m-  vlan: 2\u001b[0m\n\u001b[32m+  vlan: 3\u001b[0m\n'))
  })

  const SAME: readonly (readonly [string, string, string])[] = [
    ['equal texts', OLD, OLD],
    ['line ends of Windows', OLD, OLD.replaceAll('\n', '\r\n')],
    ['nothing', '', ''],
  ]
  for (const [what, before, after] of SAME)
    it(`is empty: ${what}`, () => assert.equal(renderDiff({ before: 'a', after: 'b' }, diffTexts(before, after)), ''))

  it('a last line without its end is no line of its own', () => {
    const [part] = diffTexts('a', 'b\n')
    assert.deepEqual(part?.lines, [
      { kind: 'removed', text: 'a' },
      { kind: 'added', text: 'b' },
    ])
  })

  it('holds both texts: what was removed or stayed is the older one, what was added or stayed the newer', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const textOf = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('')
        const parts = diffTexts(textOf(before), textOf(after))
        const olds = parts.flatMap((part) => part.lines).filter(({ kind }) => kind !== 'added')
        const news = parts.flatMap((part) => part.lines).filter(({ kind }) => kind !== 'removed')
        assert.equal(parts.length === 0, textOf(before) === textOf(after))
        for (const { oldStart, lines: own } of parts) {
          const kept = own.filter(({ kind }) => kind !== 'added').map(({ text }) => text)
          const from = kept.length === 0 ? 0 : oldStart - 1
          assert.deepEqual(kept, before.slice(from, from + kept.length))
        }
        assert.equal(before.length - olds.length, after.length - news.length)
      }),
    )
  })
})
