import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  findRevision,
  HISTORY_MAX_CHARS,
  HISTORY_MAX_REVISIONS,
  type History,
  historyText,
  parseHistory,
  type Revision,
  textOfDocument,
  unknownRevisions,
  withOutcome,
  withPublished,
  withRestored,
} from './history.ts'

const entry = (revision: number, more: Partial<Revision> = {}): Revision => ({
  revision,
  atMs: 1000 * revision,
  who: 'file',
  text: `# text ${revision}\n`,
  document: `{"n":${revision}}`,
  outcome: 'confirmed',
  ...more,
})

const publishedAll = (...entries: Revision[]): History =>
  entries.reduce<History>((history, one) => withPublished(history, one), [])

describe('the history', () => {
  it('takes revisions of a backup as what was before, each once, whatever their times; none stays on trial', () => {
    const history = publishedAll(entry(1, { atMs: 5 }), entry(2, { atMs: 6 }))
    const kept = [entry(1), entry(2, { outcome: 'trial' }), entry(2, { atMs: 6 })]
    const restored = withRestored(history, kept)
    assert.deepEqual(
      restored.map(({ revision, atMs, outcome }) => [revision, atMs, outcome]),
      [
        [1, 1000, 'confirmed'],
        [2, 2000, 'overtaken'],
        [1, 5, 'confirmed'],
        [2, 6, 'confirmed'],
      ],
    )
    assert.deepEqual(unknownRevisions(restored, kept), [])
    const many = Array.from({ length: HISTORY_MAX_REVISIONS }, (_, index) => entry(index + 10))
    assert.deepEqual(withRestored(history, many).slice(-2), history)
    assert.equal(withRestored(history, many).length, HISTORY_MAX_REVISIONS)
  })

  it('keeps revisions in order; one on trial that another overtakes says so', () => {
    const history = publishedAll(entry(1), entry(2, { outcome: 'trial' }), entry(3, { outcome: 'trial' }))
    assert.deepEqual(
      history.map(({ revision, outcome }) => [revision, outcome]),
      [
        [1, 'confirmed'],
        [2, 'overtaken'],
        [3, 'trial'],
      ],
    )
  })

  it('the same revision again takes the newer text and nothing else', () => {
    const history = publishedAll(entry(1), entry(1, { text: '# another comment\n', who: 'page', atMs: 5 }))
    assert.deepEqual(history, [entry(1, { text: '# another comment\n' })])
  })

  it('a trial that a restart cut short ends with it', () => {
    const history = publishedAll(entry(1, { outcome: 'trial' }), entry(1))
    assert.deepEqual(history, [entry(1)])
  })

  it('revision numbers that begin anew are revisions of their own', () => {
    const history = publishedAll(entry(1), entry(2), entry(1, { document: '{"n":"new"}' }))
    assert.equal(history.length, 3)
    assert.deepEqual(findRevision(history, '1'), { found: entry(1, { document: '{"n":"new"}' }) })
  })

  it('says what became of a revision, and why', () => {
    const history = withOutcome(publishedAll(entry(1), entry(2, { outcome: 'trial' })), 2, 'put-back', ['nat64 a: no'])
    assert.deepEqual(history[1], entry(2, { outcome: 'put-back', reasons: ['nat64 a: no'] }))
    assert.deepEqual(withOutcome(history, 9, 'confirmed'), history)
  })

  it('has the text of a document that was put back to', () => {
    const history = publishedAll(entry(1, { text: 'old' }), entry(2), entry(3, { document: '{"n":1}', text: 'new' }))
    assert.equal(textOfDocument(history, '{"n":1}'), 'new')
    assert.equal(textOfDocument(history, '{}'), undefined)
  })

  it('is bounded in number', () => {
    const history = publishedAll(...Array.from({ length: HISTORY_MAX_REVISIONS + 5 }, (_, index) => entry(index + 1)))
    assert.equal(history.length, HISTORY_MAX_REVISIONS)
    assert.equal(history[0]?.revision, 6)
  })

  it('is bounded in length, and the newest is kept however long it is', () => {
    const long = 'x'.repeat(HISTORY_MAX_CHARS / 2)
    assert.deepEqual(
      publishedAll(entry(1, { text: long }), entry(2, { text: long }), entry(3)).map(({ revision }) => revision),
      [2, 3],
    )
    assert.deepEqual(
      publishedAll(entry(1), entry(2, { text: `${long}${long}` })).map(({ revision }) => revision),
      [2],
    )
  })

  it('is written and read back, whatever the texts are', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ text: fc.string(), who: fc.string() })), (all) => {
        const history = all.map((one, index) => entry(index, one))
        assert.deepEqual(parseHistory(historyText(history)), history)
      }),
    )
  })

  it('leaves out what this version cannot read, and takes fields that it does not know', () => {
    const text = JSON.stringify({ revisions: [{ ...entry(1), colour: 'red' }, { revision: 'two' }, 7], more: true })
    assert.deepEqual(parseHistory(text), [entry(1)])
    assert.deepEqual(parseHistory('{}'), [])
    assert.throws(() => parseHistory('{'))
  })
})

describe('a revision that an operator names', () => {
  const history = publishedAll(entry(1), entry(3), entry(4), entry(5))
  const FOUND: readonly (readonly [string, number])[] = [
    ['4', 4],
    ['newest', 5],
    ['previous', 4],
  ]
  for (const [wanted, revision] of FOUND)
    it(`${wanted} is revision ${revision}`, () =>
      assert.deepEqual(findRevision(history, wanted), { found: entry(revision) }))

  const MISSING: readonly (readonly [string, RegExp])[] = [
    ['2', /^revision 2 is not kept; the history has 1, 3 to 5$/],
    ['0', /^"0": must be the number of a revision, newest or previous/],
    ['-1', /^"-1": must be/],
    ['latest', /^"latest": must be/],
    ['1.5', /^"1.5": must be/],
  ]
  for (const [wanted, message] of MISSING)
    it(`${wanted} is none`, () => {
      const result = findRevision(history, wanted)
      assert.ok('missing' in result)
      assert.match(result.missing, message)
    })

  it('an empty history has none', () => {
    for (const wanted of ['1', 'newest', 'previous'])
      assert.deepEqual(findRevision([], wanted), { missing: `revision ${wanted} is not kept; the history is empty` })
  })
})
