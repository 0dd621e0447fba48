import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Journal } from './journal.ts'

test('a directory that cannot be written to is a trouble that says what to do, and heals', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'nat64-journal-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const directory = join(folder, 'state')
  // A file where the directory belongs: unwritable for root too.
  writeFileSync(directory, '')
  const journal = new Journal(directory, () => [])
  assert.match(journal.trouble ?? '', /state.*make STATE_DIR .*state writable/)
  assert.equal(journal.number, 0)
  journal.rewrite()
  assert.notEqual(journal.trouble, undefined)
  rmSync(directory)
  mkdirSync(directory)
  assert.deepEqual(journal.read(), { mappings: [], reports: [] })
  journal.rewrite()
  assert.equal(journal.trouble, undefined)
  assert.deepEqual(readdirSync(directory).toSorted(), ['hosts.0.journal', 'hosts.0.lock'])
  await journal.close()
})

test('two instances in one directory write two journals', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'nat64-journal-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const [first, second] = [new Journal(folder, () => []), new Journal(folder, () => [])]
  assert.deepEqual([first.number, second.number], [0, 1])
  await first.close()
  const third = new Journal(folder, () => [])
  assert.equal(third.number, 0)
  await Promise.all([second.close(), third.close()])
})
