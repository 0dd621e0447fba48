import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fromSeed } from '@nats-io/nkeys'
import { SERVICE_NAMES } from '@sixgate/bus'
import { generateKeys } from './key-files.ts'

const folder = (t: TestContext): string => {
  const directory = mkdtempSync(join(tmpdir(), 'sixgate-keys-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const seedsIn = (directory: string): string[] =>
  SERVICE_NAMES.map((service) => readFileSync(join(directory, service, 'seed'), 'utf8'))

describe('keys', () => {
  it('are made for every service, each another, readable for their owner alone', (t) => {
    const directory = folder(t)
    assert.deepEqual(generateKeys(directory), [...SERVICE_NAMES])
    assert.equal(new Set(seedsIn(directory)).size, SERVICE_NAMES.length)
    for (const service of SERVICE_NAMES) {
      assert.deepEqual(readdirSync(join(directory, service)), ['seed'])
      assert.equal(statSync(join(directory, service, 'seed')).mode & 0o777, 0o400)
    }
    assert.equal(statSync(join(directory, 'nats', 'auth.conf')).mode & 0o777, 0o400)
  })

  it('auth.conf holds the public keys and no seed', (t) => {
    const directory = folder(t)
    generateKeys(directory)
    const conf = readFileSync(join(directory, 'nats', 'auth.conf'), 'utf8')
    for (const seed of seedsIn(directory)) {
      assert.ok(conf.includes(`nkey: ${fromSeed(new TextEncoder().encode(seed.trim())).getPublicKey()}\n`))
      assert.ok(!conf.includes(seed.trim()))
    }
  })

  it('are kept by a second run, while auth.conf becomes that of this version', (t) => {
    const directory = folder(t)
    generateKeys(directory)
    const before = seedsIn(directory)
    const conf = readFileSync(join(directory, 'nats', 'auth.conf'), 'utf8')
    chmodSync(join(directory, 'nats', 'auth.conf'), 0o600)
    writeFileSync(join(directory, 'nats', 'auth.conf'), 'of an older version')
    assert.deepEqual(generateKeys(directory), [])
    assert.deepEqual(seedsIn(directory), before)
    assert.equal(readFileSync(join(directory, 'nats', 'auth.conf'), 'utf8'), conf)
  })

  it('one that is missing is made alone', (t) => {
    const directory = folder(t)
    generateKeys(directory)
    const before = seedsIn(directory)
    rmSync(join(directory, 'nat64', 'seed'))
    assert.deepEqual(generateKeys(directory), ['nat64'])
    const same = seedsIn(directory).map((seed, index) => seed === before[index])
    assert.deepEqual(
      same,
      SERVICE_NAMES.map((service) => service !== 'nat64'),
    )
  })

  it('a seed that is damaged is named, never replaced silently', (t) => {
    const directory = folder(t)
    generateKeys(directory)
    const file = join(directory, 'dns64', 'seed')
    rmSync(file)
    writeFileSync(file, 'SU')
    assert.throws(() => generateKeys(directory), /dns64\/seed holds no nkey seed; remove it/)
    assert.equal(readFileSync(file, 'utf8'), 'SU')
  })

  it('what a crash left behind is no obstacle', (t) => {
    const directory = folder(t)
    generateKeys(directory)
    rmSync(join(directory, 'dns64', 'seed'))
    writeFileSync(join(directory, 'dns64', 'seed.new'), 'half', { mode: 0o400 })
    assert.deepEqual(generateKeys(directory), ['dns64'])
  })

  it('the command says how many were made and kept, and never a seed', (t) => {
    const directory = folder(t)
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(import.meta.dirname, '../generate-keys.ts'), ...args], { encoding: 'utf8' })
    assert.equal(run(directory).stdout, `keys of 5 services in ${directory}: 5 made, 0 kept\n`)
    const second = run(directory)
    assert.deepEqual([second.status, second.stdout], [0, `keys of 5 services in ${directory}: 0 made, 5 kept\n`])
    assert.deepEqual([run().status, run().stderr], [2, 'usage: generate-keys.ts DIR\n'])
    const refused = run('/dev/null/keys')
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /^generate-keys: .*\/dev\/null/)
  })
})
