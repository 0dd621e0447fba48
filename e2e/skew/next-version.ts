/**
 * Makes of the sources in an image what the next release may make of them, within the rule of deploy/RELEASE.md: more fields in reports, events,
 * answers, questions, mappings, leases and what is on disk; kinds of values that this release does not know; one more field of the site document.
 * `node next-version.ts FOLDER`. Fails when what it changes is not there as expected; files that an image does not have are left out.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Change {
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
}

/** A field more in every record of an answer. Without types, as the sources of an image are. */
const GROW = `const grow = (value) =>
  Array.isArray(value) ? value.map(grow)
  : typeof value !== 'object' || value === null ? value
  : { ...Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, grow(inner)])), next: 'of it' }
`

const CHANGES: readonly Change[] = [
  { file: 'shared/bus/package.json', from: '"version": "0.1.0"', to: '"version": "0.2.0"' },
  {
    file: 'shared/bus/src/reporter.ts',
    from: `      problems: [...problems],\n`,
    to: `      problems: problems.map((one) => ({ ...one, sinceMs: atMs })),\n      uptimeS: 7,\n`,
  },
  {
    file: 'shared/bus/src/reporter.ts',
    from: `      ...(remarks === undefined ? {} : { remarks: [...remarks()] }),\n`,
    to: `      remarks: [...(remarks?.() ?? []), { text: 'structured' }],\n`,
  },
  {
    file: 'shared/bus/src/reporter.ts',
    from: `      counters: { ...counters() },\n`,
    to: `      counters: { ...counters(), next_total: 1, latency: { p50: 1 } },\n`,
  },
  {
    file: 'shared/bus/src/event.ts',
    from: `=> ({ ...where, kind,`,
    to: `=> ({ ...where, trace: { span: 7 }, kind,`,
  },
  {
    file: 'shared/bus/src/event.ts',
    from: `...(details === undefined ? {} : { details }) })`,
    to: `details: { ...details, next: { nested: true } } })`,
  },
  {
    file: 'shared/bus/src/nats/question-server.ts',
    from: `answer = { instance, answer: (await this.#answer(name, message)) ?? null }`,
    to: `answer = { instance, answer: grow((await this.#answer(name, message)) ?? null), next: 'of it' }`,
  },
  { file: 'shared/bus/src/nats/question-server.ts', from: `const bodyOf =`, to: `${GROW}\nconst bodyOf =` },
  {
    file: 'shared/bus/src/nats/ask.ts',
    from: `JSON.stringify(body)`,
    to: `JSON.stringify(typeof body === 'object' && body !== null ? { ...body, next: { locale: 'de' } } : body)`,
  },
  {
    file: 'shared/bus/src/lease.ts',
    from: `JSON.stringify({ holder })`,
    to: `JSON.stringify({ holder, next: { health: 7 } })`,
  },
  {
    file: 'services/nat64/src/core/address-map/kv-entry.ts',
    from: `seen: Math.floor(seenS) }`,
    to: `seen: Math.floor(seenS), next: { name: null } }`,
  },
  {
    file: 'services/nat64/src/core/address-map/journal-lines.ts',
    from: '${Math.floor(seenS)}\\n`',
    to: '${Math.floor(seenS)} next\\n`',
  },
  {
    file: 'services/nat64/src/io/queue-handover.ts',
    from: `new TextEncoder().encode(JSON.stringify(said))`,
    to: `new TextEncoder().encode(JSON.stringify({ ...said, next: 7 }))`,
  },
  {
    file: 'shared/site/src/console-section.ts',
    from: `  web: yesNo.default(true),\n`,
    to: `  web: yesNo.default(true),\n  nextTheme: yesNo.default(false),\n`,
  },
]

const [root] = process.argv.slice(2)
if (root === undefined) throw new Error('next-version.ts FOLDER: the folder with shared/ and services/')
for (const { file, from, to } of CHANGES) {
  const path = join(root, file)
  if (!existsSync(path)) continue
  const text = readFileSync(path, 'utf8')
  if (text.split(from).length !== 2) throw new Error(`${file}: not there exactly once: ${from}`)
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
}
