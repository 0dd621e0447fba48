import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AlgLab, CALM, latin1, octetsOf, type Script } from '../../../testkit/alg-lab.ts'
import { HOST_A, HOST_B } from '../../../testkit/core-lab.ts'
import { weatherArb } from '../../../testkit/weather.ts'

const FTP = { settings: { alg: { ftpPorts: [21], sipPorts: [] } } }

/** What the client says, what the server hears, what it answers, what the client hears. Same as before: left out. */
interface Turn {
  readonly says: string
  readonly heard?: string
  readonly answers: string
  readonly gets?: string
}

const TURNS: readonly Turn[] = [
  { says: 'USER anonymous', answers: '331 Please specify the password.' },
  { says: 'PASS me@example', answers: '230-Welcome\r\n 227 is no code here\r\n230 Login successful.' },
  {
    says: 'EPSV',
    heard: 'PASV',
    answers: '227 Entering Passive Mode (192,0,2,33,237,19).',
    gets: '229 Entering Extended Passive Mode (|||60691|)',
  },
  { says: 'epsv 2', heard: 'PASV', answers: '227 =192,0,2,33,1,2', gets: '229 EPSV  (|||258|)' },
  { says: 'EPSV 2', heard: 'PASV', answers: '500 PASV not understood' },
  { says: 'EPSV 1', heard: 'NOOP', answers: '200 NOOP ok.', gets: '522 Network protocol not supported, use (2)' },
  { says: 'EPSV ALL', heard: 'NOOP', answers: '200 ok', gets: '504 Command not implemented for that parameter' },
  { says: 'EPSV x', answers: '501 What?' },
  { says: 'PASV', answers: '227 Entering Passive Mode (192,0,2,33,237,19).' },
  { says: `EPRT |2|${HOST_A.ip6}|5282|`, heard: 'PORT 198,18,0,10,20,162', answers: '200 PORT command successful.' },
  { says: `EPRT !2!2001:DB8:1:0::0.0.0.16!5282!`, heard: 'PORT 198,18,0,10,20,162', answers: '200 ok' },
  { says: `EPRT |2|${HOST_B.ip6}|5282|`, answers: '500 Unknown command.' },
  { says: 'EPRT |1|192.0.2.1|5282|', answers: '500 Unknown command.' },
  { says: `EPRT |2|${HOST_A.ip6}|65536|`, answers: '500 Unknown command.' },
  { says: 'PORT 1,2,3,4,5,6', answers: '500 Illegal PORT command.' },
  { says: 'RETR file', answers: '150 Here it comes.\r\n226 Done.' },
  { says: 'ALGS STATUS64', heard: 'NOOP', answers: '200 ok', gets: '216 EPSVEPRT EPSV and EPRT are translated' },
  { says: 'ALGS DISABLE64', heard: 'NOOP', answers: '200 ok', gets: '216 NONE nothing is translated' },
  { says: 'EPSV', answers: '229 Entering Extended Passive Mode (|||1024|)' },
  { says: `EPRT |2|${HOST_A.ip6}|5282|`, answers: '522 Only (1)' },
  { says: 'algs enable64', heard: 'NOOP', answers: '200 ok', gets: '216 EPSVEPRT EPSV and EPRT are translated' },
  { says: 'ALGS', heard: 'NOOP', answers: '200 ok', gets: '501 Syntax error in parameters or arguments' },
  { says: 'ALGS FOO', heard: 'NOOP', answers: '200 ok', gets: '504 Command not implemented for that parameter' },
  // RFC 6384 §12 wants 200; servers say 530 to whoever is not logged in.
  {
    says: 'ALGS STATUS64',
    heard: 'NOOP',
    answers: '530 Please login.',
    gets: '216 EPSVEPRT EPSV and EPRT are translated',
  },
  {
    says: 'ALGS FOO',
    heard: 'NOOP',
    answers: '200-a\r\n200-b\r\n c\r\n200 d',
    gets: '504 Command not implemented for that parameter',
  },
  {
    says: 'EPSV',
    heard: 'PASV',
    answers: '227-Entering Passive Mode\r\n227 (10,0,0,1,4,1)',
    gets: '229-\r\n229     (|||1025|)',
  },
  { says: 'EPSV', heard: 'PASV', answers: '227 Entering Passive Mode', gets: "425 Can't open data connection" },
  { says: 'EPSV', heard: 'PASV', answers: '227 ok (1,2,3,4,0,0)', gets: "425 Can't open data connection" },
  { says: 'EPSV', heard: 'PASV', answers: '227 ok (256,2,3,4,5,6)', gets: "425 Can't open data connection" },
  { says: 'EPSVX', answers: '500 ?' },
  { says: 'EPS', answers: '500 ?' },
  { says: `STOR ${'long '.repeat(400)}`, answers: `150 ${'x'.repeat(3000)}\r\n426 No.` },
  { says: 'AUTH FOO', answers: '504 No.' },
  { says: 'STAT', answers: '211-Status\r\n\r\n211 is not the end\r\n  1.\r\n211 End' },
  { says: 'NOOP', answers: '200 ok' },
  { says: 'QUIT', answers: '221 Goodbye.' },
]

const GREETING = '220-Hello\r\n220 (vsFTPd 3.0.3)\r\n'
const linesOf = (text: string): string[] => text.split('\r\n').slice(0, -1)
const all = (part: (turn: Turn) => string): string => TURNS.map((turn) => `${part(turn)}\r\n`).join('')
const SERVER_HEARS = all(({ says, heard = says }) => heard)
const CLIENT_GETS = GREETING + all(({ answers, gets = answers }) => gets)

/** The client waits for each answer, or sends all at once. */
const conversation = (isPipelined: boolean): Script => {
  let said = 0
  let answered = 0
  let hasGreeted = false
  return {
    client: (received, write) => {
      for (; said < TURNS.length; said++) {
        const before =
          GREETING +
          TURNS.slice(0, said)
            .map(({ answers, gets = answers }) => `${gets}\r\n`)
            .join('')
        if (!isPipelined && received.length < before.length) return
        write(`${TURNS[said]?.says}\r\n`)
      }
    },
    server: (received, write) => {
      if (!hasGreeted) write(GREETING)
      hasGreeted = true
      for (; answered < linesOf(received).length; answered++) write(`${TURNS[answered]?.answers}\r\n`)
    },
    isOver: (client, server) => client.length >= CLIENT_GETS.length && server.length >= SERVER_HEARS.length,
  }
}

test('RFC 6384: each command and each reply', () => {
  for (const isPipelined of [false, true]) {
    const lab = new AlgLab(FTP, 21, CALM)
    lab.open()
    const { client, server } = lab.run(conversation(isPipelined))
    assert.deepEqual(linesOf(server), linesOf(SERVER_HEARS))
    assert.deepEqual(linesOf(client), linesOf(CLIENT_GETS))
  }
})

test('however segments are cut, lost, doubled and reordered, both ends get the same bytes', () => {
  fc.assert(
    fc.property(weatherArb, fc.boolean(), fc.boolean(), (weather, isPipelined, nagle) => {
      const lab = new AlgLab(FTP, 21, weather, nagle)
      lab.open()
      const { client, server } = lab.run(conversation(isPipelined))
      assert.equal(server, SERVER_HEARS)
      assert.equal(client, CLIENT_GETS)
    }),
    { numRuns: 60 },
  )
})

const IAC = '\xff'

test('RFC 6384 §5: options of Telnet are refused and go no further; its commands go through', () => {
  const lab = new AlgLab(FTP, 21, CALM)
  lab.open()
  const said = `${IAC}\xfd\x01${IAC}\xf1US${IAC}\xfb\x03ER a${IAC}${IAC}b\r\n`
  const { client, server } = lab.run({
    client: (received, write) => {
      if (received === '220 hello\r\n') write(said)
    },
    server: (received, write) => {
      if (received === '') write(`${IAC}\xfd\x06220 hello\r\n`)
      else if (received.endsWith('\r\n')) write('331 ok\r\n')
    },
    isOver: (client, server) => client.endsWith('331 ok\r\n') && server.endsWith('\r\n'),
  })
  // DO 1 was asked for by the client, WILL 3 offered: refused before the server's next line; DO 6 of the server likewise.
  assert.equal(server, `${IAC}\xf1${IAC}\xfc\x06USER a${IAC}${IAC}b\r\n`)
  assert.equal(client, `220 hello\r\n${IAC}\xfc\x01${IAC}\xfe\x03331 ok\r\n`)
})

test('RFC 6384 §5: after AUTH that the server agrees to, nothing is read any more', () => {
  const lab = new AlgLab(FTP, 21, CALM)
  lab.open()
  const secret = `EPSV\r\nEPRT |2|${HOST_A.ip6}|5282|\r\n${IAC}\xfd\x01`
  let step = 0
  const { client, server } = lab.run({
    client: (received, write) => {
      if (step === 0) write('EPSV 1\r\nAUTH TLS\r\n')
      if (step === 1 && received.endsWith('234 go\r\n')) write(secret)
      step = received.endsWith('234 go\r\n') ? 2 : 1
    },
    server: (received, write) => {
      if (received === '') write('220 hello\r\n')
      if (received === 'NOOP\r\nAUTH TLS\r\n') write('200 ok\r\n234 go\r\n')
      if (received.endsWith(secret)) write('227 (1,2,3,4,5,6)\r\n')
    },
    isOver: (client) => client.includes('227'),
  })
  assert.equal(server, `NOOP\r\nAUTH TLS\r\n${secret}`)
  assert.equal(client, '220 hello\r\n522 Network protocol not supported, use (2)\r\n234 go\r\n227 (1,2,3,4,5,6)\r\n')
})

test('in the middle of a connection that began elsewhere: numbers stay, commands are translated', () => {
  const lab = new AlgLab(FTP, 21, CALM)
  const seq = 0x8000_0000
  const data = octetsOf('EPSV\r\n')
  const [sent] = lab.pass('client', { seq, ack: 77, flags: 0x18, data, options: [] })
  assert.deepEqual([sent?.seq, sent?.ack, latin1(sent?.data ?? [])], [seq, 77, 'PASV\r\n'])
})
