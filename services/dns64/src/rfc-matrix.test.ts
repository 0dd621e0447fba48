import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const RFC_MD = readFileSync(new URL('../RFC.md', import.meta.url), 'utf8')
const SOURCE_OF = new Map(
  globSync('**/*.test.ts', { cwd: fileURLToPath(new URL('.', import.meta.url)) }).map((path) => [
    basename(path, '.test.ts'),
    readFileSync(new URL(path, import.meta.url), 'utf8'),
  ]),
)

/** RFCs that must have rows. */
const RFCS = [6147, 7050, 8880, 2308, 8767, 8906, 9520, 9462] as const

/** Each `file: "beginning", "beginning"` of a row, as pairs. */
const citationsOf = (row: string): { file: string; beginning: string }[] => {
  const pairs: { file: string; beginning: string }[] = []
  let file = ''
  for (const [, named, beginning] of row.matchAll(/([a-z][a-z0-9-]*): (?=")|"([^"]+)"/g))
    if (named !== undefined) file = named
    else if (SOURCE_OF.has(file) && beginning !== undefined) pairs.push({ file, beginning })
  return pairs
}

/** True when a test of the file may have such a name: as written, or put together from `prefix ${…}` and a row's rule. */
const hasTest = (source: string, beginning: string): boolean => {
  const name = beginning.replace(/ ?…$/, '').replace(/ n counts/, ' ${rcode} counts')
  const prefixes = Array.from(source.matchAll(/test\(`([^`$]*)\$\{/g), (match) => match[1] ?? '')
  return [name, ...prefixes.filter((p) => p !== '' && name.startsWith(p)).map((p) => name.slice(p.length))].some(
    (part) => source.includes(part),
  )
}

test('every test that RFC.md names is there', () => {
  const missing = RFC_MD.split('\n')
    .flatMap(citationsOf)
    .filter(({ file, beginning }) => !hasTest(SOURCE_OF.get(file) ?? '', beginning))
  assert.deepEqual(missing, [])
})

test('every row names a test, or says why there is none', () => {
  const rows = RFC_MD.split('\n').filter((line) => /^\| \d/.test(line))
  const bare = rows.filter((row) => citationsOf(row).length === 0 && !/\*Gap\*|same|all \||every row/.test(row))
  assert.deepEqual(bare, [])
  assert.ok(rows.length > 60)
})

for (const rfc of RFCS)
  test(`RFC ${rfc} has rows with tests`, () => {
    // A heading names the RFC, or the rows below it begin with it.
    const parts = RFC_MD.split(/^## /m)
    const rows = parts.flatMap((part) => {
      const [heading = '', ...lines] = part.split('\n')
      const isSole = (heading.match(/\d{4}/g) ?? []).length === 1 && heading.includes(String(rfc))
      return lines.filter((line) => /^\| \d/.test(line) && (isSole || (line.split('|')[1] ?? '').includes(String(rfc))))
    })
    assert.ok(rows.flatMap(citationsOf).length > 0)
  })
