/** SIP through nat64 as a process, masquerade and the kernel's helper: sipp on IPv6 only calls sipp on IPv4 only. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { GatewayLab } from './testkit/gateway-lab.ts'
import { makeMasqueradedLab } from './testkit/masqueraded-lab.ts'

const CLIENT = 'fd00:6:4::10'
const SERVER = '64:ff9b::203.0.113.2'
const SERVER4 = '203.0.113.2'
const WAN = '203.0.113.1'
const MEDIA_PORT = 7000
/** Of the other side. */
const MEDIA4_PORT = 6100
/** Pool addresses with fewer and with more characters than the uplink's. */
const SHORTER = '198.18.0.9'
const LONGER = '198.18.0.100'
const documentWith = (ip4: string): string => `  alg: { sip: on }\n  hosts: [{ ip6: "${CLIENT}", ip4: ${ip4} }]`
const skip = existsSync('/usr/bin/sipp') ? false : 'sipp is missing: deploy/machine/packages.sh installs it'
const TRANSPORTS = [
  ['UDP', 'u1'],
  ['TCP', 't1'],
] as const

/** Media of the other side, from where its answer named, to the address and port that the call named. */
const MEDIA = `const [, host, port] = process.argv
const s = require('node:dgram').createSocket('udp4')
s.on('message', (m) => { if (m.length > 0) { console.log(String(m)); s.close() } })
s.bind(${MEDIA4_PORT}, '${SERVER4}', () => s.send('media', Number(port), host))`

/** sipp's own server, but its media are at a port that it does not occupy itself. */
const writeScenario = (lab: GatewayLab): string => {
  const file = join(lab.stateDir, 'uas.xml')
  // Printing a scenario ends with a status of its own.
  const text = lab.server.runSync('sipp', '-sd', 'uas').stdout
  writeFileSync(file, text.replaceAll('[media_port]', String(MEDIA4_PORT)))
  return file
}

const serverOf = async (lab: GatewayLab, transport: string, log: string) => {
  const server = lab.server.spawn('sipp', [
    '-sf',
    writeScenario(lab),
    '-i',
    SERVER4,
    '-p',
    '5060',
    '-t',
    transport,
    '-nostdin',
    '-mi',
    SERVER4,
    '-mp',
    '6000',
    '-trace_msg',
    '-message_file',
    log,
  ])
  const listening = transport === 'u1' ? ['-lun'] : ['-ltn']
  const deadline = Date.now() + 20_000
  while (!lab.server.sh('ss', ...listening).includes(':5060')) {
    assert.ok(Date.now() < deadline, 'sipp does not listen')
    await new Promise(setImmediate)
  }
  return server
}

const clientArgs = (transport: string, log: string, ...more: readonly string[]): readonly string[] => [
  '-sn',
  'uac',
  '-i',
  CLIENT,
  '-p',
  '5062',
  '-t',
  transport,
  '-nostdin',
  '-timeout',
  '40',
  '-timeout_error',
  '-max_socket',
  '1000',
  '-mp',
  String(MEDIA_PORT),
  '-trace_msg',
  '-message_file',
  log,
  ...more,
  `[${SERVER}]:5060`,
]

const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
/** Messages of one direction, as a sipp logged them. */
const messages = (log: string, direction: 'sent' | 'received'): string =>
  read(log)
    .split(/^-{20,} .*$/m)
    .filter((part) => part.includes(`message ${direction}`))
    .join('')
    .replaceAll(/^Call-ID:.*$/gm, '')

for (const [name, transport] of TRANSPORTS)
  test(`SIP over ${name}: calls, their addresses, and media that comes in unasked`, { skip }, async (t) => {
    await using lab = await makeMasqueradedLab(documentWith(LONGER))
    const service = await lab.start()
    const [serverLog, clientLog] = [join(lab.stateDir, 'server.log'), join(lab.stateDir, 'client.log')]
    await serverOf(lab, transport, serverLog)

    await t.test('twenty calls, every one of them answered and ended', async () => {
      const { status, stdout, stderr } = await lab.client.run(
        'sipp',
        ...clientArgs(transport, clientLog, '-m', '20', '-r', '20'),
      )
      assert.equal(status, 0, stdout + stderr)
    })

    await t.test('the server saw IPv4 and the uplink, the client IPv6', () => {
      const toServer = messages(serverLog, 'received')
      assert.match(toServer, /^INVITE sip:service@203\.0\.113\.2:5060 SIP\/2\.0/m)
      assert.match(toServer, new RegExp(`^Via: SIP/2.0/${name} ${WAN}:\\d+;`, 'm'))
      assert.match(toServer, new RegExp(`^Contact: sip:sipp@${WAN}:\\d+`, 'm'))
      assert.match(toServer, new RegExp(`^c=IN IP4 ${WAN}`, 'm'))
      assert.doesNotMatch(toServer, /fd00:|64:ff9b|198\.18\.|IP6/)
      const toClient = messages(clientLog, 'received')
      assert.match(toClient, /^Contact: <sip:\[64:ff9b::cb00:7102\]:5060;/m)
      assert.match(toClient, /^c=IN IP6 64:ff9b::cb00:7102/m)
      assert.match(toClient, new RegExp(`^Via: SIP/2.0/${name} \\[${CLIENT}\\]:5062;`, 'm'))
      assert.doesNotMatch(toClient, /203\.0\.113\.|198\.18\.|IP4/)
    })

    await t.test('media reaches the port that the call named, from outside first', async () => {
      const [log, before] = [join(lab.stateDir, 'call.log'), read(serverLog).length]
      const call = lab.client.spawn('sipp', [...clientArgs(transport, log, '-m', '1', '-d', '6000', '-rtp_echo')])
      const deadline = Date.now() + 20_000
      let sdp: RegExpExecArray | null = null
      while (sdp === null || !read(serverLog).slice(before).includes('\nACK ')) {
        assert.ok(Date.now() < deadline, 'no call')
        await new Promise(setImmediate)
        sdp = /c=IN IP4 (\S+)\s+t=0 0\s+m=audio (\d+)/.exec(messages(serverLog, 'received').slice(-2500))
      }
      const { stdout, stderr } = await lab.server.run(
        'timeout',
        '10',
        process.execPath,
        '-e',
        MEDIA,
        sdp[1] ?? '',
        sdp[2] ?? '',
      )
      // The telephone sends back what it hears.
      assert.equal(stdout.trim(), 'media', stderr)
      assert.equal(await call.ended, 0, call.output.stdout + call.output.stderr)
    })
    assert.doesNotMatch(service.output.stdout, /"alg":/)
  })

/** Everything that a server received or sent, which must not name what only the gateway knows. */
const assertClean = (log: string): void => {
  assert.ok(messages(log, 'received').length > 0)
  assert.doesNotMatch(messages(log, 'received'), /fd00:|64:ff9b|198\.18\.|IP6/)
}

/** Beside 400 calls on one connection, 100 with one each: a host may have 256. */
for (const [transport, calls] of [
  ['t1', '400'],
  ['tn', '100'],
] as const)
  for (const ip4 of [SHORTER, LONGER])
    test(`SIP over TCP (sipp -t ${transport}): ${calls} calls that begin within a second, from ${ip4}`, {
      skip,
    }, async () => {
      await using lab = await makeMasqueradedLab(documentWith(ip4))
      await lab.start()
      const serverLog = join(lab.stateDir, 'server.log')
      await serverOf(lab, 't1', serverLog)
      const args = clientArgs(transport, join(lab.stateDir, 'client.log'), '-m', calls, '-r', calls)
      const { status, stdout, stderr } = await lab.client.run('sipp', ...args)
      assert.equal(status, 0, stdout + stderr)
      assertClean(serverLog)
    })

test('SIP over TCP: calls from outside, through a port forward', { skip }, async () => {
  await using lab = await makeMasqueradedLab(documentWith(LONGER))
  await lab.start()
  lab.gateway.sh(
    'nft',
    `add chain inet sixgate forwards { type nat hook prerouting priority dstnat; }
add rule inet sixgate forwards iifname "wan0" tcp dport 5060 dnat ip to ${LONGER}
add rule inet sixgate forward ct status dnat accept
add rule inet sixgate forward iifname "nat64" oifname "lan0" tcp dport 5060 accept`,
  )
  const phone = lab.client.spawn('sipp', [
    '-sn',
    'uas',
    '-i',
    CLIENT,
    '-p',
    '5060',
    '-t',
    't1',
    '-nostdin',
    '-mi',
    CLIENT,
  ])
  const deadline = Date.now() + 20_000
  while (!lab.client.sh('ss', '-ltn').includes(':5060')) {
    assert.ok(Date.now() < deadline, `sipp does not listen: ${phone.output.stdout}${phone.output.stderr}`)
    await new Promise(setImmediate)
  }
  const log = join(lab.stateDir, 'caller.log')
  const caller = ['-sn', 'uac', '-i', SERVER4, '-p', '5062', '-t', 't1', '-nostdin', '-timeout', '40', '-timeout_error']
  const trace = ['-trace_msg', '-message_file', log]
  const { status, stdout, stderr } = await lab.server.run(
    'sipp',
    ...caller,
    ...trace,
    '-m',
    '200',
    '-r',
    '200',
    `${WAN}:5060`,
  )
  assert.equal(status, 0, stdout + stderr)
  assertClean(log)
  assert.match(messages(log, 'received'), new RegExp(`^Contact: <sip:${WAN}:5060`, 'm'))
  assert.match(messages(log, 'received'), new RegExp(`^c=IN IP4 ${WAN}`, 'm'))
})

test('SIP over TLS is left alone, and the log says so once', { skip }, async () => {
  await using lab = await makeMasqueradedLab('  alg: { sip: on }')
  const service = await lab.start()
  for (let index = 0; index < 2; index++) await lab.client.run('bash', '-c', `exec 3<>/dev/tcp/${SERVER}/5061`)
  await service.waitFor(/"alg":"sips"/)
  assert.equal(service.output.stdout.match(/"alg":"sips"/g)?.length, 1)
})

test('alg.sip is off unless it is switched on: addresses go through as they are', { skip }, async () => {
  await using lab = await makeMasqueradedLab()
  await lab.start()
  const log = join(lab.stateDir, 'server.log')
  lab.gateway.sh('nft', 'flush', 'chain', 'inet', 'sixgate', 'helpers')
  await serverOf(lab, 'u1', log)
  await lab.client.run('sipp', ...clientArgs('u1', join(lab.stateDir, 'client.log'), '-m', '1', '-timeout', '2'))
  assert.match(messages(log, 'received'), /c=IN IP6 fd00:6:4::10/)
})
