import assert from 'node:assert/strict'
import { it } from 'node:test'
import { printable, renderColumns } from './columns.ts'

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

it('what others wrote cannot command the terminal', () => {
  assert.equal(printable('a\u001b[2Jb\r\nc\u009bd'), 'a\\x1b[2Jb\\x0d\nc\\x9bd')
  assert.equal(renderColumns([['\u0007', 'x']]), '\\x07  x\n')
})
