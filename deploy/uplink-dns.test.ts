import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('uplink-dns.sh', import.meta.url))

test('the name servers of a resolv.conf are copied, and again when another file takes its place', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'uplink-dns-'))
  const [from, to] = [join(directory, 'in'), join(directory, 'out')]
  for (const each of [from, to]) mkdirSync(each)
  const copy = (): string => readFileSync(join(to, 'resolv.conf'), 'utf8')
  const script = spawn(SCRIPT, [from, to], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = script.stdout.setEncoding('utf8')
  try {
    // Each line says that a copy was written; a missing file is an empty one.
    await once(said, 'data')
    assert.equal(copy(), '\n')
    for (const [text, expected] of [
      ['# by hand\nsearch example\nnameserver 192.0.2.1\n', 'nameserver 192.0.2.1\n'],
      [
        'nameserver 192.0.2.2\n  nameserver\t2001:db8::53\noptions rotate\n',
        'nameserver 192.0.2.2\nnameserver\t2001:db8::53\n',
      ],
      ['# none\n', '\n'],
    ] as const) {
      writeFileSync(join(from, 'new'), text)
      renameSync(join(from, 'new'), join(from, 'resolv.conf'))
      await once(said, 'data')
      assert.equal(copy(), expected)
    }
  } finally {
    script.kill()
    rmSync(directory, { recursive: true })
  }
})
