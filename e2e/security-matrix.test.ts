/** SECURITY.md names the test that shows each refusal: every one of them is there. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from './harness/engine.ts'

const TEXT = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')
/** `path/of/file.ts` "words of the title". */
const REFERENCE = /`(?<file>[\w./-]+\.ts)` "(?<words>[^"]+)"/g
const TARGET = /`make (?<target>[\w-]+)`/g

const references = [...TEXT.matchAll(REFERENCE)].map(({ groups }) => ({
  file: groups?.file ?? '',
  words: groups?.words ?? '',
}))

test('there are references to check, and no row without one', () => {
  assert.ok(references.length > 40)
  const rows = TEXT.split('\n').filter((line) => /^\| .*\|$/.test(line) && !/^\| (---|attempt|container)/.test(line))
  const bare = rows.filter((row) => row.split('|').length === 5 && !/`.*\.ts` "|`make |gap \|$/.test(row))
  // The table of containers has three cells as well; its rows begin with a name in backticks.
  assert.deepEqual(
    bare.filter((row) => !row.startsWith('| `')),
    [],
  )
})

for (const { file, words } of references)
  test(`${file}: ${words}`, () => {
    assert.ok(existsSync(join(ROOT, file)), 'there is no such file')
    assert.ok(readFileSync(join(ROOT, file), 'utf8').includes(words), 'no such words in it')
  })

test('every make target that is named exists', () => {
  const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8')
  for (const { groups } of TEXT.matchAll(TARGET)) {
    const target = groups?.target ?? ''
    assert.match(makefile, new RegExp(`^${target}:`, 'm'), target)
  }
})
