import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { createLogger } from '@sixgate/obs'
import { enterNamespace } from '@sixgate/testkit'
import { Dns64 } from './service.ts'
import { endAll, endChild } from './testkit/endings.ts'
import { testSite } from './testkit/virtual-server.ts'

/*
 * DNSSEC with real signatures, in one network namespace of this file:
 *
 *   dig ── 127.0.0.1   dns64 ── 127.0.0.1:5335 unbound, deploy/unbound.conf ──┐
 *   dig ── 127.0.0.2   dns64 ─────────────────────────────────────────────── 127.0.0.20 named: signed.test, bogus.test
 */
const NAMED = '/usr/sbin/named'
const UNBOUND = '/usr/sbin/unbound'
const TOOLS = [NAMED, UNBOUND, '/usr/bin/dnssec-keygen', '/usr/bin/dnssec-signzone']
const CONFIG = fileURLToPath(new URL('../../../deploy/unbound.conf', import.meta.url))
const namespace = enterNamespace()
const missing = TOOLS.filter((tool) => !existsSync(tool))
const skip = namespace || (missing.length === 0 ? false : `${missing.join(', ')} not installed (make machine)`)

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'dns64-dnssec-'))
const children: ChildProcess[] = []
const services: Dns64[] = []

/** Signs a zone with a key of its own; returns its DNSKEY record. */
const signZone = async (zone: string): Promise<string> => {
  const file = join(folder, zone)
  writeFileSync(
    file,
    `$TTL 300\n@ SOA ns admin 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.20\nv4 A 192.0.2.33\nsix AAAA 2001:db8::6\n`,
  )
  const keygen = ['-q', '-a', 'ECDSAP256SHA256', '-f', 'KSK', '-K', folder, zone]
  const name = (await run('dnssec-keygen', keygen)).stdout.trim()
  // A single key that signs everything.
  await run('dnssec-signzone', ['-q', '-z', '-S', '-K', folder, '-o', zone, '-f', `${file}.signed`, file], {
    cwd: folder,
  })
  const key = readFileSync(join(folder, `${name}.key`), 'utf8')
  return key.split('\n').find((line) => line.includes('DNSKEY')) ?? ''
}

const dig = async (server: string, ...parameters: readonly string[]): Promise<string> =>
  (await run('dig', ['+tries=1', '+time=8', `@${server}`, ...parameters])).stdout

const ready = async (server: string, port: string): Promise<void> => {
  for (let attempt = 0; attempt < 150; attempt++) {
    const answer = await dig(server, '-p', port, '+time=1', 'six.signed.test', 'AAAA').catch(() => '')
    if (answer.includes('2001:db8::6')) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${server} does not answer`)
}

const startDns64 = async (listen: string, upstream: string): Promise<void> => {
  const log = createLogger({ service: 'dns64', instance: listen, level: 'silent' })
  const service = new Dns64({ log, port: 53, resolvConf: '/dev/null' })
  services.push(service)
  await service.apply({ revision: 1, site: testSite({ dns64: { upstreams: [upstream], listen: [listen] } }) })
}

before(async () => {
  if (skip !== false) return
  await run('ip', ['address', 'add', '127.0.0.20/8', 'dev', 'lo'])
  const key = await signZone('signed.test')
  await signZone('bogus.test')
  // The anchor of bogus.test is another zone's key, so nothing there validates.
  writeFileSync(join(folder, 'anchors'), `${key}\n${key.replace('signed.test', 'bogus.test')}\n`)
  const zones = ['signed.test', 'bogus.test'].map(
    (zone) => `zone "${zone}" { type primary; file "${join(folder, zone)}.signed"; };`,
  )
  writeFileSync(
    join(folder, 'named.conf'),
    `options { directory "${folder}"; pid-file none; session-keyfile none; listen-on { 127.0.0.20; }; listen-on-v6 { none; };
      recursion no; dnssec-validation no; };\ncontrols { };\nlogging { category default { null; }; };\n${zones.join('\n')}\n`,
  )
  writeFileSync(
    join(folder, 'unbound.conf'),
    `include: "${CONFIG}"\nserver:\n  do-not-query-localhost: no\n  local-zone: "test." nodefault\n  trust-anchor-file: "${join(folder, 'anchors')}"\n` +
      ['signed.test', 'bogus.test'].map((zone) => `stub-zone:\n  name: "${zone}"\n  stub-addr: 127.0.0.20\n`).join(''),
  )
  children.push(spawn(NAMED, ['-f', '-n', '1', '-c', join(folder, 'named.conf')], { stdio: 'ignore' }))
  children.push(spawn(UNBOUND, ['-d', '-p', '-c', join(folder, 'unbound.conf')], { stdio: 'ignore' }))
  await startDns64('127.0.0.1', '127.0.0.1:5335')
  await startDns64('127.0.0.2', '127.0.0.20')
  await Promise.all([ready('127.0.0.20', '53'), ready('127.0.0.1', '5335')])
  await Promise.all([ready('127.0.0.1', '53'), ready('127.0.0.2', '53')])
})

after(() =>
  endAll([
    ...children.map((child) => () => endChild(child)),
    ...services.map((service) => () => service.stop()),
    () => rmSync(folder, { recursive: true, force: true }),
  ]),
)

const flagsOf = (output: string): string => /;; flags: ([a-z ]+);/.exec(output)?.[1] ?? ''
const statusOf = (output: string): string => /status: (\w+)/.exec(output)?.[1] ?? ''

test('the zones were signed', { skip }, () => {
  assert.ok(readdirSync(folder).includes('signed.test.signed'))
})

test('DO, the denial validated by unbound: AAAA is made, without AD', { skip }, async () => {
  const output = await dig('127.0.0.1', '+dnssec', 'v4.signed.test', 'AAAA')
  assert.match(output, /AAAA\s+64:ff9b::c000:221/)
  assert.doesNotMatch(flagsOf(output), /\bad\b/)
})

test('what was not changed keeps the AD of unbound', { skip }, async () => {
  const output = await dig('127.0.0.1', '+dnssec', 'v4.signed.test', 'A')
  assert.match(output, /A\s+192\.0\.2\.33/)
  assert.match(flagsOf(output), /\bad\b/)
})

test('DO and CD: the signed denial, untranslated', { skip }, async () => {
  const output = await dig('127.0.0.1', '+dnssec', '+cd', 'v4.signed.test', 'AAAA')
  assert.doesNotMatch(output, /64:ff9b/)
  assert.match(output, /NSEC\s/)
  assert.match(output, /RRSIG\s+NSEC/)
})

test('bogus is SERVFAIL, and nothing is made of it; with CD it is handed over', { skip }, async () => {
  const output = await dig('127.0.0.1', 'v4.bogus.test', 'AAAA')
  assert.equal(statusOf(output), 'SERVFAIL')
  assert.match(await dig('127.0.0.1', '+cd', 'v4.bogus.test', 'A'), /192\.0\.2\.33/)
})

test('DO, a signed denial that nobody validated: the denial; without DO AAAA is made', { skip }, async () => {
  const output = await dig('127.0.0.2', '+dnssec', 'v4.signed.test', 'AAAA')
  assert.doesNotMatch(output, /64:ff9b/)
  assert.match(output, /RRSIG\s+NSEC/)
  assert.match(await dig('127.0.0.2', 'v4.signed.test', 'AAAA'), /64:ff9b::c000:221/)
})
