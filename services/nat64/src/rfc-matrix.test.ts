import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { VECTORS } from './testkit/vectors/all.ts'

const RFC_MD = readFileSync(new URL('../RFC.md', import.meta.url), 'utf8')

/** What a cell like `4.1-tos*, -ttl; some.test.ts` means: `-ttl` takes the beginning of the pattern before it. */
const patternsOf = (cell: string): string[] => {
  let stem = ''
  return cell.split(/[,;] */).flatMap((text) => {
    if (!/^((rfc\d+|offload)\/)?[-\w.]*[-*\w]\*?$/.test(text) || /^-+$|\.ts$/.test(text)) return []
    if (text.startsWith('-')) return [`${stem}${text}`]
    const whole = text.includes('/') ? text : `rfc7915/${text}`
    stem = whole.slice(0, whole.lastIndexOf('-'))
    return [whole]
  })
}

test('every vector is a row of RFC.md, and every pattern of RFC.md has vectors', () => {
  const ids = VECTORS.map(({ rfc, id }) => `${rfc}/${id}`)
  const covered = new Set<string>()
  const empty: string[] = []
  for (const line of RFC_MD.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim())
    for (const pattern of patternsOf(cells.at(-2) ?? '')) {
      const matches = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
      const found = ids.filter((id) => matches.test(id))
      if (found.length === 0) empty.push(pattern)
      for (const id of found) covered.add(id)
    }
  }
  assert.deepEqual(empty, [], 'patterns without vectors')
  assert.deepEqual(
    ids.filter((id) => !covered.has(id)),
    [],
    'vectors without a row',
  )
})
