import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { VECTORS } from './testkit/vectors/all.ts'

const SERVICE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = join(SERVICE, '../..')
const RFC_MD = readFileSync(join(SERVICE, 'RFC.md'), 'utf8')
const VECTOR_IDS = VECTORS.map(({ rfc, id }) => `${rfc}/${id}`)
const FINDINGS = readdirSync(join(SERVICE, 'testdata/fuzz'))
const TEST_FILES = globSync(['services/nat64/src/**/*.test.ts', 'shared/*/src/**/*.test.ts'], { cwd: ROOT })
const MAKEFILE = readFileSync(join(ROOT, 'Makefile'), 'utf8')

/** `…` and `*` stand for anything. */
const wild = (text: string): string => RegExp.escape(text.replaceAll(/ ?… ?/g, '…')).replaceAll(/…|\\\*/g, '.*')

/** What a row is held by, in words of the table; vectors with their folder. */
interface Held {
  readonly vectors: readonly string[]
  /** Why something that is named does not count. */
  readonly faults: readonly string[]
}

const QUOTED = /"([^"]+)"/g

/** What is wrong with `some/file.test.ts "name of a test"`; `undefined`: both are there. */
const faultOfTest = (file: string, names: readonly string[]): string | undefined => {
  const found = TEST_FILES.filter((path) => `/${path}`.endsWith(`/${file}`))
  const [path] = found
  if (path === undefined || found.length > 1) return `${found.length} files are called ${file}`
  const source = readFileSync(join(ROOT, path), 'utf8')
  const missing = names.filter((name) => !new RegExp(`['"\`][^\\n]*${wild(name)}`).test(source))
  return missing.length === 0 ? undefined : `${path} has no test ${missing.join()}`
}

/**
 * Reads a cell like `4.1-tos*, -ttl; some.test.ts "a name", "another"; testdata/fuzz "name"` (`-ttl` takes the beginning of the
 * pattern before it; what is in parentheses is for people).
 */
const heldBy = (cell: string): Held => {
  const vectors: string[] = []
  const faults: string[] = []
  let stem = ''
  const parts = cell.replaceAll(/ \([^()]*\)/g, '').split(/; |, (?!")/)
  for (const part of parts) {
    const names = Array.from(part.matchAll(QUOTED), ([, name = '']) => name)
    const [, file] = /^([\w./-]+\.test\.ts)(?: "[^"]+"(?:, "[^"]+")*)?$/.exec(part) ?? []
    const [, target] = /^`make ([\w-]+)`$/.exec(part) ?? []
    if (file !== undefined) faults.push(faultOfTest(file, names) ?? '')
    else if (part.startsWith('testdata/fuzz "'))
      faults.push(...names.filter((name) => !FINDINGS.some((finding) => finding.includes(`--${name}.`))))
    else if (target !== undefined) faults.push(new RegExp(`^${target}:`, 'm').test(MAKEFILE) ? '' : part)
    else if (/^((rfc\d+|offload)\/)?[-\w.*]+$/.test(part)) {
      const pattern = part.startsWith('-') ? `${stem}${part}` : part.includes('/') ? part : `rfc7915/${part}`
      if (!part.startsWith('-')) stem = pattern.slice(0, pattern.lastIndexOf('-'))
      const found = VECTOR_IDS.filter((id) => new RegExp(`^${wild(pattern)}$`).test(id))
      if (found.length === 0) faults.push(`no vector ${pattern}`)
      vectors.push(...found)
    } else faults.push(`not understood: ${part}`)
  }
  return { vectors, faults: faults.filter((fault) => fault !== '') }
}

const ROWS = RFC_MD.split('\n')
  .filter((line) => line.startsWith('|') && !/^\| ---|\| held by \|$/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map((cells) => ({ requirement: cells.at(-3) ?? '', cell: cells.at(-2) ?? '' }))

test('every row of RFC.md names vectors and tests that are there, or is a gap', () => {
  assert.ok(ROWS.length > 90, String(ROWS.length))
  const faults = ROWS.flatMap(({ requirement, cell }) => {
    if (cell === '–') return /^\*\*gap\*\*: ./.test(requirement) ? [] : [`${requirement}: nothing holds it`]
    return heldBy(cell).faults.map((fault) => `${requirement}: ${fault}`)
  })
  assert.deepEqual(faults, [])
})

test('every vector is in a row of RFC.md', () => {
  const covered = new Set(ROWS.flatMap(({ cell }) => (cell === '–' ? [] : heldBy(cell).vectors)))
  assert.deepEqual(
    VECTOR_IDS.filter((id) => !covered.has(id)),
    [],
  )
})

test('what is not there is noticed', () => {
  for (const cell of [
    '9.9-nothing',
    '4.1-tcp*, -nothing',
    'nothing.test.ts',
    'rate-limit.test.ts "nothing of that name"',
    'rate-limit.test.ts "nothing of", "that name"',
    'testdata/fuzz "nothing"',
    '`make nothing`',
    'some words',
  ])
    assert.notDeepEqual(heldBy(cell).faults, [], cell)
})
