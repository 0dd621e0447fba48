/** FTP through nat64 as a process, masquerade and the kernel's helpers: vsftpd on IPv4 only, curl and lftp on IPv6 only. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FtpServer, hasFtpTools } from './testkit/ftp-server.ts'
import type { GatewayLab } from './testkit/gateway-lab.ts'
import { makeMasqueradedLab } from './testkit/masqueraded-lab.ts'

const SERVER = '64:ff9b::203.0.113.2'
const URL_OF_SERVER = `ftp://[${SERVER}]`
const skip = hasFtpTools()
  ? false
  : 'vsftpd, lftp, curl or openssl is missing: deploy/machine/packages.sh installs them'

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** A server is there when it greets. */
const untilGreeted = async (lab: GatewayLab): Promise<void> => {
  const { status, stderr } = await lab.client.run(
    'curl',
    '-sS',
    '-6',
    '--retry-connrefused',
    '--retry',
    '50',
    '--retry-delay',
    '1',
    '--list-only',
    `${URL_OF_SERVER}/`,
  )
  assert.equal(status, 0, stderr)
}

test('vsftpd that knows RFC 959 only', { skip }, async (t) => {
  await using lab = await makeMasqueradedLab()
  const service = await lab.start()
  const server = new FtpServer(lab)
  const big = randomBytes(20 * 1024 * 1024)
  writeFileSync(join(server.root, 'big'), big)
  // A listing of some hundred kilobytes.
  for (let index = 0; index < 2000; index++)
    writeFileSync(join(server.root, `a-file-with-a-rather-long-name-${index}`), '')
  await untilGreeted(lab)
  const at = (name: string): string => join(lab.stateDir, name)

  for (const [mode, options] of [
    ['passive', ['--ftp-pasv']],
    ['active', ['--ftp-port', '-']],
  ] as const) {
    await t.test(`curl, ${mode}: down, up, listing`, async () => {
      const curl = (...args: readonly string[]) => lab.client.run('curl', '-sS', '-6', '-v', ...options, ...args)
      const down = await curl('-o', at(`down-${mode}`), `${URL_OF_SERVER}/big`)
      assert.equal(down.status, 0, down.stderr)
      assert.equal(sha256(readFileSync(at(`down-${mode}`))), sha256(big))
      const up = await curl('-T', at(`down-${mode}`), `${URL_OF_SERVER}/upload/${mode}`)
      assert.equal(up.status, 0, up.stderr)
      assert.equal(sha256(readFileSync(join(server.upload, mode))), sha256(big))
      const list = await curl(`${URL_OF_SERVER}/`)
      assert.equal(list.stdout.split('\n').filter((line) => line.includes('a-file-with')).length, 2000)
      assert.match(down.stderr, mode === 'active' ? /> EPRT \|2\|/ : /< 229 .*\(\|\|\|\d+\|\)/)
    })

    await t.test(`lftp, ${mode}: ten files in one session`, async () => {
      const script = [
        `set ftp:passive-mode ${mode === 'passive' ? 'on' : 'off'}`,
        'set net:max-retries 1',
        'set net:timeout 20',
        'set ftp:ssl-allow off',
        'set ftp:prefer-epsv on',
        `open ${URL_OF_SERVER}`,
        ...Array.from({ length: 5 }, (_, index) => `get big -o ${at(`lftp-${mode}-${index}`)}`),
        ...Array.from(
          { length: 5 },
          (_, index) => `put ${at(`lftp-${mode}-${index}`)} -o upload/lftp-${mode}-${index}`,
        ),
        'ls',
        'bye',
      ].join('; ')
      const { status, stdout, stderr } = await lab.client.run('lftp', '-c', script)
      assert.equal(status, 0, stderr)
      assert.equal(stdout.split('\n').filter((line) => line.includes('a-file-with')).length, 2000)
      for (let index = 0; index < 5; index++)
        assert.equal(sha256(readFileSync(join(server.upload, `lftp-${mode}-${index}`))), sha256(big))
    })
  }
  assert.doesNotMatch(service.output.stdout, /"alg":/)
})

const NATIVE_HOST = 'hosts: [{ ip6: "fd00:6:4::10", ip4: 198.18.0.10 }]'

test('two instances, two queues: one of them is the gateway of both', { skip }, async (t) => {
  await using lab = await makeMasqueradedLab(`  ${NATIVE_HOST}`)
  const first = await lab.start()
  await lab.start({ STATE_DIR: join(lab.stateDir, 'second'), HEALTH_FILE: join(lab.stateDir, 'second.json') })
  // Slow enough for the kernel to forget which queue a control channel was at (3 s) before the server speaks again.
  const server = new FtpServer(lab, { lines: ['anon_max_rate=60000'] })
  const file = randomBytes(300_000)
  writeFileSync(join(server.root, 'file'), file)
  await untilGreeted(lab)
  const session = async (to: string): Promise<void> => {
    const { status, stderr } = await lab.client.run(
      'curl',
      '-sS',
      '-6',
      '--max-time',
      '40',
      '--ftp-port',
      '-',
      '-o',
      to,
      `${URL_OF_SERVER}/file`,
      '-o',
      `${to}-again`,
      `${URL_OF_SERVER}/file`,
    )
    assert.equal(status, 0, stderr)
    for (const name of [to, `${to}-again`]) assert.equal(sha256(readFileSync(name)), sha256(file))
  }
  // Each session has ports of its own, so that sessions and their two directions spread over the queues.
  const manySessions = async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, (_, index) => session(join(lab.stateDir, `copy-${index}`))))
  }
  await t.test('active transfers', async () => await manySessions(10))
  await t.test('the one that was the gateway is killed: the other one is, for new connections', async () => {
    await first.stop('SIGKILL')
    await manySessions(2)
  })
})

test('AUTH TLS: nothing is read any more, the log says so once, and passive transfers go on', { skip }, async () => {
  await using lab = await makeMasqueradedLab()
  const service = await lab.start()
  const server = new FtpServer(lab, { knowsExtended: true, tls: true })
  const file = randomBytes(3_000_000)
  writeFileSync(join(server.root, 'file'), file)
  await untilGreeted(lab)
  for (const name of ['one', 'two']) {
    const to = join(lab.stateDir, name)
    const { status, stderr } = await lab.client.run(
      'curl',
      '-sS',
      '-v',
      '-6',
      '-k',
      '--ssl-reqd',
      '--max-time',
      '20',
      '-o',
      to,
      `${URL_OF_SERVER}/file`,
    )
    assert.equal(status, 0, stderr)
    assert.match(stderr, /234 Proceed with negotiation/)
    assert.equal(sha256(readFileSync(to)), sha256(file))
  }
  await service.waitFor(/"alg":"ftp-tls"/)
  assert.equal(service.output.stdout.match(/"alg":"ftp-tls"/g)?.length, 1)
})

test('alg.ftp off: commands go through as they are', { skip }, async () => {
  await using lab = await makeMasqueradedLab('  alg: { ftp: off }')
  await lab.start()
  const server = new FtpServer(lab)
  await server.process.waitFor(/^/)
  const { stderr } = await lab.client.run(
    'curl',
    '-sS',
    '-v',
    '-6',
    '--retry-connrefused',
    '--retry',
    '50',
    '--retry-delay',
    '1',
    `${URL_OF_SERVER}/`,
  )
  assert.match(stderr, /> EPSV\r?\n[^]*< 550 Permission denied/)
})

/** A control channel by hand: logs in, then waits for the file `go` before it asks for a passive transfer. */
const BY_HAND = `exec 3<>/dev/tcp/${SERVER}/21 || exit 1
answer() { read -r line <&3; echo "$line"; }
answer; printf 'USER anonymous\r\n' >&3; answer
printf 'EPSV\r\n' >&3; answer
echo ready; while [ ! -e "$1" ]; do sleep 0.05; done
printf 'EPSV\r\n' >&3; answer; printf 'QUIT\r\n' >&3; answer`

test('the service is killed and started: an open control channel goes on', { skip }, async () => {
  await using lab = await makeMasqueradedLab()
  const first = await lab.start({ ON_STOP: 'keep' })
  const server = new FtpServer(lab)
  await server.process.waitFor(/^/)
  await untilGreeted(lab)
  const go = join(lab.stateDir, 'go')
  const session = lab.client.spawn('bash', ['-c', BY_HAND, 'by-hand', go])
  await session.waitFor(/^ready$/m)
  await first.stop('SIGKILL')
  await lab.start()
  writeFileSync(go, '')
  assert.equal(await session.ended, 0, session.output.stderr)
  const passive = session.output.stdout.match(/229 .*\(\|\|\|\d+\|\)/g)
  assert.equal(passive?.length, 2, session.output.stdout)
  assert.match(session.output.stdout, /221 Goodbye/)
})
