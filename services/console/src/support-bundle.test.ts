import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { it } from 'node:test'
import { SERVICE_NAMES } from '@sixgate/bus'
import { runCommand } from './commands.ts'
import { siteYaml } from './testkit/site-lab.ts'
import { report, withDaemon } from './testkit/sixgate.ts'

/** Resolvers that know their customer by name or path. */
const UPSTREAMS = `dns64:
  upstreams:
    - { address: 192.0.2.1, protocol: https, name: dns.example, path: /cust0mer1 }
    - { address: 192.0.2.2, protocol: tls, name: cust0mer2.dns.nextdns.io }
`
const HASH = '$scrypt$ln=15,r=8,p=1$c2FsdA$cGFzc3dvcmRoYXNo'

it('sixgate support-bundle: an archive that tar reads, with what helps and without a secret', async (t) => {
  await using lab = await withDaemon(`${siteYaml()}${UPSTREAMS}`)
  const nats = await report(lab, 'nat44-firewall', {
    problems: [{ code: 'x', message: `the key is ${HASH}` }],
    state: 'degraded',
  })
  nats.answer({
    checks: () => [{ id: 'tun', state: 'ok', found: 'there' }],
    rules: () => [{ chain: 'forward', id: 'masquerade', text: 'x', verdict: 'masquerade', packets: 1, bytes: 2 }],
  })
  lab.writeSite(`${siteYaml()}${UPSTREAMS}# password: hunter2\n`)
  const state = join(lab.directory, 'state/console/web')
  mkdirSync(state, { recursive: true })
  writeFileSync(join(state, 'planted.json'), HASH)
  const pieces: Uint8Array[] = []
  const status = await runCommand(['support-bundle'], lab.environment('console'), {
    isInteractive: false,
    hasColours: false,
    closed: new AbortController().signal,
    print: () => undefined,
    write: (bytes) => void pieces.push(bytes),
    complain: (text) => assert.fail(text),
  })
  assert.equal(status, 0)

  const directory = mkdtempSync(join(tmpdir(), 'bundle-'))
  t.after(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'bundle.tar'), gunzipSync(Buffer.concat(pieces)))
  execFileSync('tar', ['-xf', 'bundle.tar'], { cwd: directory })
  const files = new Map(
    readdirSync(join(directory, 'sixgate')).map((name) => [
      name,
      readFileSync(join(directory, 'sixgate', name), 'utf8'),
    ]),
  )
  assert.deepEqual([...files.keys()].toSorted(), [
    'README.txt',
    'doctor.json',
    'document.json',
    'drops.json',
    'events.jsonl',
    'history.json',
    'metrics.txt',
    'neighbours.json',
    'reports.json',
    'rules.json',
    'site.yaml',
    'status.json',
    'versions.json',
  ])
  assert.match(files.get('document.json') ?? '', /"name": "dns\.example"/)
  assert.match(files.get('rules.json') ?? '', /"masquerade"/)
  assert.match(files.get('events.jsonl') ?? '', /document-published/)
  assert.match(files.get('metrics.txt') ?? '', /^sixgate_config_published_revision 1$/m)
  assert.match(files.get('drops.json') ?? '', /no nat64 runs/)

  const all = [...files.values()].join('\n')
  const seeds = SERVICE_NAMES.map((service) =>
    readFileSync(join(lab.directory, 'keys', service, 'seed'), 'utf8').trim(),
  )
  const secrets = [
    ...seeds,
    HASH,
    HASH.slice(-16),
    'hunter2',
    'cust0mer',
    readFileSync(join(state, 'planted.json'), 'utf8'),
  ]
  for (const secret of secrets) assert.ok(!all.includes(secret), secret)
})
