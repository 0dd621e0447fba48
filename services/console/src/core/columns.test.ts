import assert from 'node:assert/strict'
import { it } from 'node:test'
import { renderColumns } from './columns.ts'

it('columns stand below each other, without spaces at the end', () => {
  assert.equal(renderColumns([]), '')
  assert.equal(
    renderColumns([
      ['A', 'LONGER', 'C'],
      ['12345', 'x', 'a sentence of some length'],
    ]),
    'A      LONGER  C\n12345  x       a sentence of some length\n',
  )
})
