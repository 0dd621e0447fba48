/** One instance of nat64 after the other, under traffic: nothing is lost. See testkit/gateway-lab.ts for the picture. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from './testkit/eventually.ts'
import { FtpServer, hasFtpTools } from './testkit/ftp-server.ts'
import { GatewayLab, SERVER_SEEN } from './testkit/gateway-lab.ts'
import { makeMasqueradedLab } from './testkit/masqueraded-lab.ts'

/** Instances after the first one. */
const SUCCESSORS = 3

test('each instance is started beside the one before, which then ends: no ping is lost, no queue is left over', async () => {
  await using lab = await GatewayLab.make()
  const start = async (number: number) => await lab.start({ HEALTH_FILE: join(lab.stateDir, `health-${number}`) })
  const queues = (): number =>
    lab.gateway
      .sh('unshare', '--mount', 'sh', '-c', 'mount -t sysfs sysfs /sys && ls /sys/class/net/nat64/queues')
      .split('\n')
      .filter((name) => name.startsWith('tx-')).length
  let running = await start(0)
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  const pinging = lab.client.spawn('ping', ['-n', '-i0.005', '-W2', SERVER_SEEN])
  await pinging.waitFor(/icmp_seq=100 /)
  for (let number = 1; number <= SUCCESSORS; number++) {
    const next = await start(number)
    assert.equal(await running.stop('SIGTERM'), 0)
    assert.match(running.output.stdout, /another instance reads on where this one stopped/)
    assert.equal(queues(), 2, 'as many as were alive together')
    running = next
  }
  const answered = (): number[] =>
    [...pinging.output.stdout.matchAll(/icmp_seq=(\d+)/g)].map(([, number]) => Number(number))
  const last = (answered().at(-1) ?? 0) + 100
  await pinging.waitFor(new RegExp(`icmp_seq=${last} `))
  const seen = new Set(answered())
  assert.deepEqual(
    Array.from({ length: last }, (_, index) => index + 1).filter((number) => !seen.has(number)),
    [],
    'pings without answer',
  )
  pinging.child.kill('SIGINT')
  await pinging.ended

  assert.equal(await running.stop('SIGTERM'), 0)
  assert.equal(lab.gateway.runSync('ip', 'link', 'show', 'nat64').status, 1, 'SITE=file: the last one removes')
})

const skip = hasFtpTools()
  ? false
  : 'vsftpd, lftp, curl or openssl is missing: deploy/machine/packages.sh installs them'

test('an FTP connection in which lengths were changed goes on with the next instance', { skip }, async () => {
  await using lab = await makeMasqueradedLab()
  const first = await lab.start({ HEALTH_FILE: join(lab.stateDir, 'health-1') })
  const server = new FtpServer(lab)
  writeFileSync(join(server.root, 'file'), 'the same again')
  const at = (name: string): string => join(lab.stateDir, name)
  const script = [
    // EPRT of the client becomes PORT, which is shorter.
    'set ftp:passive-mode off',
    'set net:max-retries 20',
    'set net:reconnect-interval-base 1',
    'set net:timeout 20',
    'set ftp:ssl-allow off',
    `open ftp://[${SERVER_SEEN}]`,
    `get file -o ${at('before')}`,
    // The retries were for a server that was not there yet.
    'set net:max-retries 1',
    `!touch ${at('served')}; until [ -e ${at('replaced')} ]; do sleep 0.05; done`,
    `get file -o ${at('after')}`,
    `get file -o ${at('again')}`,
    'bye',
    '',
  ].join('\n')
  writeFileSync(at('script'), script)
  const client = lab.client.spawn('lftp', ['-d', '-f', at('script')])
  await eventually(() => existsSync(at('served')), 'the first file', 60)
  const second = await lab.start({ HEALTH_FILE: join(lab.stateDir, 'health-2') })
  assert.equal(await first.stop('SIGTERM'), 0)
  writeFileSync(at('replaced'), '')
  assert.equal(await client.ended, 0, client.output.stdout + client.output.stderr)
  for (const name of ['before', 'after', 'again']) assert.equal(readFileSync(at(name), 'utf8'), 'the same again')
  const said = client.output.stdout + client.output.stderr
  assert.equal([...said.matchAll(/---> EPRT /g)].length, 3, said)
  assert.equal([...said.matchAll(/<--- 220 /g)].length, 1, `one greeting, so one connection: ${said}`)
  assert.doesNotMatch(second.output.stdout, /not understood/)
})
