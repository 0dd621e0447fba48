import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { createLogger } from '@sixgate/obs'
import { enterNamespace } from '@sixgate/testkit'
import { Dns64 } from './service.ts'
import { endAll, endChild } from './testkit/endings.ts'
import { a, aaaa, cname, dname, ptr, soa, table } from './testkit/records.ts'
import { type ScriptedUpstream, startUpstream } from './testkit/scripted-upstream.ts'
import { testSite } from './testkit/virtual-server.ts'

/*
 * The same questions to dns64, BIND and unbound, each with its own DNS64 and the same upstream:
 *
 *   dig ──┬── 127.0.0.1  dns64   ──┐
 *         ├── 127.0.0.20 named   ──┼── 127.0.0.10 scripted upstream
 *         └── 127.0.0.30 unbound ──┘
 *
 * Where the three differ, the row says which rule dns64 follows. All in one network namespace of this file.
 */
const NAMED = '/usr/sbin/named'
const UNBOUND = '/usr/sbin/unbound'
const namespace = enterNamespace()
const skip =
  namespace || (existsSync(NAMED) && existsSync(UNBOUND) ? false : 'named and unbound are not installed (make machine)')

const REVERSE = '1.2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa'
const SCRIPT = table(
  {
    'v4.example A': { answers: [a('v4.example', '192.0.2.33', 3600)] },
    'v4.example AAAA': { authorities: [soa('example', 900, 120)] },
    'native.example A': { answers: [a('native.example', '192.0.2.34')] },
    'native.example AAAA': { answers: [aaaa('native.example', '2001:db8::34')] },
    'ip4mapped.example A': { answers: [a('ip4mapped.example', '192.0.2.35')] },
    'ip4mapped.example AAAA': { answers: [aaaa('ip4mapped.example', '::ffff:192.0.2.35')] },
    'partly.example A': { answers: [a('partly.example', '192.0.2.36')] },
    'partly.example AAAA': {
      answers: [aaaa('partly.example', '::ffff:192.0.2.36'), aaaa('partly.example', '2001:db8::36')],
    },
    'alias.example A': { answers: [cname('alias.example', 'v4.example'), a('v4.example', '192.0.2.33', 3600)] },
    'alias.example AAAA': { answers: [cname('alias.example', 'v4.example')], authorities: [soa('example', 900, 120)] },
    'x.tree.example A': {
      answers: [
        dname('tree.example', 'wood.example'),
        cname('x.tree.example', 'x.wood.example'),
        a('x.wood.example', '192.0.2.37'),
      ],
    },
    'x.tree.example AAAA': {
      answers: [dname('tree.example', 'wood.example'), cname('x.tree.example', 'x.wood.example')],
      authorities: [soa('example', 900, 120)],
    },
    'x.wood.example A': { answers: [a('x.wood.example', '192.0.2.37')] },
    'x.wood.example AAAA': { authorities: [soa('example', 900, 120)] },
    'broken.example A': { answers: [a('broken.example', '192.0.2.38')] },
    'broken.example AAAA': { rcode: 2 },
    'refused.example A': { answers: [a('refused.example', '192.0.2.39')] },
    'refused.example AAAA': { rcode: 5 },
    'empty.example A': { authorities: [soa('example', 900, 120)] },
    'empty.example AAAA': { authorities: [soa('example', 900, 120)] },
    'nosoa.example A': { answers: [a('nosoa.example', '192.0.2.40', 3600)] },
    'nosoa.example AAAA': {},
    'soattl.example A': { answers: [a('soattl.example', '192.0.2.41', 3600)] },
    'soattl.example AAAA': { authorities: [soa('example', 900, 120)] },
    '33.2.0.192.in-addr.arpa PTR': { answers: [ptr('33.2.0.192.in-addr.arpa', 'v4.example')] },
  },
  { rcode: 3, authorities: [soa('example', 900, 120)] },
)

const WHO = { dns64: '127.0.0.1', BIND: '127.0.0.20', unbound: '127.0.0.30' } as const
type Who = keyof typeof WHO

interface Row {
  readonly rule: string
  readonly ask: readonly string[]
  /** `STATUS data…` or, with `ttl`, the TTL of the last record of the answer. */
  readonly dns64: string
  /** Where it differs. */
  readonly BIND?: string
  readonly unbound?: string
  readonly ttl?: true
}

const ROWS: readonly Row[] = [
  { rule: 'AAAA is made of A', ask: ['v4.example', 'AAAA'], dns64: 'NOERROR, AAAA 64:ff9b::c000:221' },
  { rule: 'a native AAAA record stays', ask: ['native.example', 'AAAA'], dns64: 'NOERROR, AAAA 2001:db8::34' },
  {
    rule: 'RFC 6147 §5.1.4: ::ffff:0:0/96 counts as missing (unbound: no)',
    ask: ['ip4mapped.example', 'AAAA'],
    dns64: 'NOERROR, AAAA 64:ff9b::c000:223',
    unbound: 'NOERROR, AAAA ::ffff:192.0.2.35',
  },
  {
    rule: 'RFC 6147 §5.1.4: of a partly excluded set the rest (unbound: all)',
    ask: ['partly.example', 'AAAA'],
    dns64: 'NOERROR, AAAA 2001:db8::36',
    unbound: 'NOERROR, AAAA 2001:db8::36, AAAA ::ffff:192.0.2.36',
  },
  { rule: 'CNAME', ask: ['alias.example', 'AAAA'], dns64: 'NOERROR, AAAA 64:ff9b::c000:221, CNAME v4.example.' },
  {
    rule: 'DNAME',
    ask: ['x.tree.example', 'AAAA'],
    dns64: 'NOERROR, AAAA 64:ff9b::c000:225, CNAME x.wood.example., DNAME wood.example.',
  },
  {
    rule: 'RFC 6147 §5.1.2: SERVFAIL to AAAA counts as empty (BIND: no)',
    ask: ['broken.example', 'AAAA'],
    dns64: 'NOERROR, AAAA 64:ff9b::c000:226',
    BIND: 'SERVFAIL',
  },
  {
    rule: 'RFC 6147 §5.1.2: REFUSED to AAAA counts as empty (BIND: no)',
    ask: ['refused.example', 'AAAA'],
    dns64: 'NOERROR, AAAA 64:ff9b::c000:227',
    BIND: 'SERVFAIL',
  },
  { rule: 'neither A nor AAAA', ask: ['empty.example', 'AAAA'], dns64: 'NOERROR' },
  { rule: 'NXDOMAIN stays', ask: ['nx.example', 'AAAA'], dns64: 'NXDOMAIN' },
  {
    rule: 'RFC 6147 §5.1.7: TTL at most the time of the denial, RFC 2308 §5 (BIND: TTL of SOA only; unbound: TTL of A)',
    ask: ['soattl.example', 'AAAA'],
    ttl: true,
    dns64: '120',
    BIND: '900',
    unbound: '3600',
  },
  {
    rule: 'RFC 6147 §5.1.7: 600 s without SOA (unbound: TTL of A)',
    ask: ['nosoa.example', 'AAAA'],
    ttl: true,
    dns64: '600',
    unbound: '3600',
  },
  {
    rule: 'RFC 6147 §5.3.1: a reverse name is a CNAME (unbound: the record itself)',
    ask: [REVERSE, 'PTR'],
    dns64: 'NOERROR, CNAME 33.2.0.192.in-addr.arpa., PTR v4.example.',
    unbound: 'NOERROR, PTR v4.example.',
  },
  {
    rule: 'RFC 8880 §7.1: ipv4only.arpa is answered here (BIND, unbound: they ask upstream)',
    ask: ['ipv4only.arpa', 'AAAA'],
    dns64: 'NOERROR, AAAA 64:ff9b::c000:aa, AAAA 64:ff9b::c000:ab',
    BIND: 'NXDOMAIN',
    unbound: 'NXDOMAIN',
  },
  {
    rule: 'RFC 6147 §5.5: with DO and CD untranslated (BIND: made, when nothing is validated)',
    ask: ['+dnssec', '+cd', 'v4.example', 'AAAA'],
    dns64: 'NOERROR',
    BIND: 'NOERROR, AAAA 64:ff9b::c000:221',
  },
  {
    rule: 'RFC 6147 §5.5: with DO and an unsigned denial made',
    ask: ['+dnssec', 'v4.example', 'AAAA'],
    dns64: 'NOERROR, AAAA 64:ff9b::c000:221',
  },
  {
    rule: 'RFC 9462 §4: resolver.arpa is NODATA (BIND, unbound: asked upstream)',
    ask: ['resolver.arpa', 'SVCB'],
    dns64: 'NOERROR',
    BIND: 'NXDOMAIN',
    unbound: 'NXDOMAIN',
  },
  { rule: 'RFC 8906 §3.1.4: an unknown opcode', ask: ['+opcode=STATUS', 'v4.example', 'AAAA'], dns64: 'NOTIMP' },
  {
    rule: 'RFC 6891 §6.1.3: an unknown EDNS version',
    ask: ['+edns=1', '+noednsneg', 'v4.example', 'AAAA'],
    dns64: 'BADVERS',
  },
]

const folder = mkdtempSync(join(tmpdir(), 'dns64-peers-'))
const children: ChildProcess[] = []
let upstream: ScriptedUpstream | undefined
let service: Dns64 | undefined
const run = promisify(execFile)

const dig = async (who: Who, ...parameters: readonly string[]): Promise<string> =>
  (await run('dig', ['+tries=1', '+time=8', `@${WHO[who]}`, ...parameters])).stdout

const ready = async (who: Who): Promise<void> => {
  for (let attempt = 0; attempt < 150; attempt++) {
    const answer = await dig(who, '+time=1', 'native.example', 'AAAA').catch(() => '')
    if (answer.includes('2001:db8::34')) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${who} does not answer`)
}

before(async () => {
  if (skip !== false) return
  // BIND listens on addresses that an interface has, and nowhere else.
  await run('ip', ['address', 'add', '127.0.0.20/8', 'dev', 'lo'])
  upstream = await startUpstream(SCRIPT, '127.0.0.10', 53)
  writeFileSync(
    join(folder, 'named.conf'),
    `options { directory "${folder}"; pid-file none; session-keyfile none; listen-on { 127.0.0.20; }; listen-on-v6 { none; };
      recursion yes; forward only; forwarders { 127.0.0.10; }; dnssec-validation no; empty-zones-enable no; qname-minimization off;
      dns64 64:ff9b::/96 { clients { any; }; }; };
      controls { }; logging { category default { null; }; };\n`,
  )
  writeFileSync(
    join(folder, 'unbound.conf'),
    `server:\n  interface: 127.0.0.30\n  chroot: ""\n  username: ""\n  directory: "${folder}"\n  pidfile: ""\n  use-syslog: no\n  verbosity: 0
  do-not-query-localhost: no\n  module-config: "dns64 iterator"\n  dns64-prefix: 64:ff9b::/96\nremote-control:\n  control-enable: no
forward-zone:\n  name: "."\n  forward-addr: 127.0.0.10\n`,
  )
  children.push(spawn(NAMED, ['-f', '-n', '1', '-c', join(folder, 'named.conf')], { stdio: 'ignore' }))
  children.push(spawn(UNBOUND, ['-d', '-p', '-c', join(folder, 'unbound.conf')], { stdio: 'ignore' }))
  const log = createLogger({ service: 'dns64', instance: 'test', level: 'silent' })
  service = new Dns64({ log, port: 53, resolvConf: '/dev/null' })
  const dns64 = { upstreams: ['127.0.0.10'], listen: ['127.0.0.1'] }
  await service.apply({ revision: 1, site: testSite({ dns64 }) })
  await Promise.all([ready('dns64'), ready('BIND'), ready('unbound')])
})

after(() =>
  endAll([
    ...children.map((child) => () => endChild(child)),
    () => service?.stop(),
    () => upstream?.close(),
    () => rmSync(folder, { recursive: true, force: true }),
  ]),
)

/** RCODE and the data of the answer section, sorted; or the TTL of its last record. */
const said = (output: string, ttl: boolean): string => {
  const status = /status: (\w+)/.exec(output)?.[1] ?? 'no reply'
  const records = (/;; ANSWER SECTION:\n([^;]*?)\n\n/.exec(output)?.[1] ?? '').split('\n').filter((line) => line !== '')
  if (ttl) return records.at(-1)?.split(/\s+/)[1] ?? status
  const data = records.map((line) => line.split(/\s+/).slice(3, 5).join(' ')).toSorted()
  return [status, ...data].join(', ')
}

for (const row of ROWS) {
  test(`peers: ${row.rule}`, { skip }, async () => {
    const [ours, bind, unbound] = await Promise.all(
      (['dns64', 'BIND', 'unbound'] as const).map(async (who) => said(await dig(who, ...row.ask), row.ttl === true)),
    )
    assert.deepEqual(
      { dns64: ours, BIND: bind, unbound },
      { dns64: row.dns64, BIND: row.BIND ?? row.dns64, unbound: row.unbound ?? row.dns64 },
    )
  })
}
