/** The sources as images have them: Node needs no stripper of types for anything that runs there. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Namespace } from '@sixgate/testkit'

const skip = enterNamespace()

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCKERFILE = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8')
/** With it Node knows no file that ends with .ts. */
const NO_STRIPPER = '--no-strip-types'

const tree = mkdtempSync(join(tmpdir(), 'typeless-'))
let options: readonly string[] = []

before(async () => {
  const { makeImageTree } = await import('./image-tree.ts')
  options = [...makeImageTree(tree), NO_STRIPPER]
})
after(() => rmSync(tree, { recursive: true }))

const run = (...args: readonly string[]) => spawnSync(process.execPath, args, { encoding: 'utf8', env: {}, cwd: tree })

test('without the hook Node would have to strip types', () => {
  const { stderr } = run(NO_STRIPPER, 'services/console/src/cli.ts')
  assert.match(stderr, /ERR_UNKNOWN_FILE_EXTENSION/)
})

test('lines and columns are those of the sources', () => {
  for (const file of ['services/nat64/src/core/translator.ts', 'shared/bus/src/run-service.ts']) {
    const [with_, without] = [ROOT, tree].map((folder) => readFileSync(join(folder, file), 'utf8').split('\n'))
    assert.deepEqual(
      without?.map(({ length }) => length),
      with_?.map(({ length }) => length),
    )
  }
})

// Each ends at once, with its own words about what it was not given: everything that it imports is there by then.
const STARTED = new Set(DOCKERFILE.match(/services\/[\w-]+\/src\/[\w-]+\.ts/g))
for (const command of STARTED)
  test(`${command} starts`, () => {
    const { stdout, stderr } = run(...options, command)
    assert.doesNotMatch(stderr, /ERR_/)
    assert.match(stdout + stderr, /"level":"fatal".*SITE|usage|--help/)
  })

test('what images start was found', () => {
  assert.equal(STARTED.size, 7, [...STARTED].join())
})

test('threads of a process too: the data plane of nat64', { skip }, async () => {
  const site = join(tree, 'site.yaml')
  const lan = 'lan: { interface: lan0, prefix: "fd00:6:4::/64" }'
  writeFileSync(site, `${lan}\npref64: ["64:ff9b::/96"]\nnat64: { pool4: [198.18.0.0/24] }\n`)
  const running = Namespace.here().spawn(process.execPath, [...options, join(tree, 'services/nat64/src/main.ts')], {
    SITE: `file:${site}`,
    STATE_DIR: join(tree, 'state'),
    HEALTH_FILE: join(tree, 'health.json'),
  })
  try {
    await running.waitFor(/data plane is up/)
  } finally {
    assert.equal(await running.stop('SIGTERM'), 0)
  }
})
