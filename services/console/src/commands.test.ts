import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { QuestionRefused, SERVICE_NAMES, WrongQuestion } from '@sixgate/bus'
import { putDocument } from './io/publisher.ts'
import { QUERY } from './testkit/site-answers.ts'
import { SiteLab, siteYaml } from './testkit/site-lab.ts'
import { CLI, DAEMON, report, shell, SIXGATE, sixgate, sixgateHere, withDaemon } from './testkit/sixgate.ts'

const others = SERVICE_NAMES.filter((service) => service !== 'console')

describe('sixgate status', () => {
  it('is 0 and a table when every service runs the current revision', async () => {
    await using lab = await withDaemon()
    for (const service of others) await report(lab, service)
    const { status, stdout, stderr } = await sixgateHere(lab, 'status')
    assert.equal(stderr, '')
    assert.equal(status, 0, stdout)
    const lines = stdout.split('\n')
    assert.equal(lines[0], 'site document: revision 1, in force everywhere')
    assert.match(lines[2] ?? '', /^SERVICE +INSTANCE +REVISION +STATE +SINCE$/)
    assert.match(lines[3] ?? '', /^ra-advertiser +a +1 of 1 +ok +1 min$/)
    assert.deepEqual(
      lines.slice(3, 8).map((line) => line.split(' ')[0]),
      [...SERVICE_NAMES],
    )
    assert.ok(!stdout.includes('\u001b'), 'no colours where nobody looks')
  })

  it('is 1 and shows who is degraded, behind or gone, each with what to do', async () => {
    await using lab = await withDaemon()
    await report(lab, 'ra-advertiser', {
      state: 'degraded',
      problems: [{ code: 'link-missing', message: 'lan.interface: lan0 does not exist; plug it in' }],
    })
    await report(lab, 'dns64', { revision: 0, state: 'starting' })
    await report(lab, 'nat64', { atMs: Date.now() - 8000 })
    const { status, stdout } = await sixgateHere(lab, 'status')
    assert.equal(status, 1)
    assert.match(stdout, /^site document: revision 1, not well everywhere$/m)
    assert.match(stdout, /^ra-advertiser .* degraded .*\n {4}lan\.interface: lan0 does not exist; plug it in$/m)
    assert.match(stdout, /^dns64 +a +0 of 1 +starting/m)
    assert.match(stdout, /^nat64 +a +1 of 1 +gone .*\n {4}it stopped reporting; see: docker compose logs nat64$/m)
    assert.match(
      stdout,
      /^nat44-firewall +- +- +gone +-\n {4}nothing of it reports; see: docker compose ps --all nat44-firewall$/m,
    )
  })

  it('--json says the same to programs', async () => {
    await using lab = await withDaemon()
    for (const service of others) await report(lab, service)
    const { status, stdout } = await sixgateHere(lab, 'status --json')
    assert.equal(status, 0)
    const { services, ...rest } = JSON.parse(stdout) as {
      services: { service: string; instances: Record<string, unknown>[] }[]
    }
    assert.deepEqual(rest, { revision: 1, isConverged: true, document: { state: 'published' } })
    assert.deepEqual(
      services.map(({ service }) => service),
      [...SERVICE_NAMES],
    )
    const [instance] = services[0]?.instances ?? []
    assert.match(String(instance?.since), /^\d{4}-\d\d-\d\dT/)
    assert.match(String(instance?.version), /^\d+\.\d+\.\d+$/)
    assert.deepEqual(
      { ...instance, since: '', version: '' },
      { instance: 'a', version: '', revision: 1, state: 'ok', since: '', problems: [] },
    )
  })

  it('names a mistake in site.yaml while the document before it stays in force', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const daemon = lab.run('console', DAEMON)
    await daemon.waitFor(/state: ok/)
    for (const service of others) await report(lab, service)
    lab.writeSite(siteYaml('64:ff9b::/72'))
    await daemon.waitFor(/"state":"rejected"/)
    const { status, stdout } = await sixgateHere(lab, 'status --json')
    assert.equal(status, 1)
    const { revision, document } = JSON.parse(stdout) as {
      revision: number
      document: { state: string; problem: string }
    }
    assert.equal(revision, 1)
    assert.equal(document.state, 'invalid')
    assert.match(document.problem, /site\.yaml:5:\d+ pref64\[0\]/)
    assert.match((await sixgateHere(lab, 'status')).stdout, /^console .* rejected .*\n {4}site\.yaml:5:/m)
  })

  it('after a restart of NATS without the console: what was in memory is not there, and no command says that it never was', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    await putDocument((await lab.connect('console')).link, '{"lan":1}')
    await report(lab, 'nat64')
    await lab.server.stop()
    await lab.server.start()
    const { status, stdout, stderr } = await sixgateHere(lab, 'status')
    assert.deepEqual([status, stderr], [1, ''])
    assert.match(stdout, /^site document: revision 1, not well everywhere$/m)
    for (const words of ['hosts', 'drops', 'doctor']) {
      const asked = await sixgateHere(lab, words)
      assert.equal(asked.status, 1)
      assert.match(
        asked.stderr,
        /^sixgate: bucket status, key \*: NATS does not have it, since it is new or was started anew; the console makes it/m,
      )
    }
  })

  it('--watch prints again and again, and goes on when NATS was away', async () => {
    await using lab = await withDaemon()
    const watching = lab.run('console', CLI, ['status', '--watch', '--json'])
    await watching.waitFor(/"revision":1[^\n]*\n[^\n]*"revision":1[^\n]*\n/)
    await lab.server.stop()
    await watching.waitFor(/NATS at \S+ is away; asked again every 2 s/)
    const before = watching.output.stdout.split('\n').length
    await lab.server.start()
    await watching.waitFor(new RegExp(`^(.*\\n){${before}}.*"revision":1.*\\n`))
  })

  it('--watch ends when nobody reads any more, without a complaint', async () => {
    await using lab = await withDaemon()
    const { status, stdout, stderr } = await shell(
      lab,
      `{ ${SIXGATE} status --watch; echo "ended: $?" >&2; } | head -1`,
    )
    assert.deepEqual([status, stdout], [0, 'site document: revision 1, not well everywhere\n'])
    assert.equal(stderr, 'ended: 0\n')
  })

  it('without NATS: 1, and what to look at', async () => {
    await using lab = await SiteLab.start(true)
    const { status, stdout, stderr } = await sixgateHere(lab, 'status')
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(
      stderr,
      /^sixgate: no connection to NATS at nats:\/\/127\.0\.0\.1:\d+: .*; see: docker compose ps nats$/m,
    )
  })

  it('before anything was published', async () => {
    await using lab = await SiteLab.start()
    const { status, stdout } = await sixgateHere(lab, 'status')
    assert.equal(status, 1)
    assert.match(stdout, /^no site document was published yet$/m)
  })
})

describe('sixgate config', () => {
  it('show prints the document in force, as YAML or JSON', async () => {
    await using lab = await withDaemon()
    const { status, stdout } = await sixgate(lab, 'config show')
    assert.equal(status, 0)
    assert.match(stdout, /^# revision 1\nlan:\n {2}interface: lan0\n/)
    const json = JSON.parse((await sixgate(lab, 'config show --json')).stdout) as {
      revision: number
      document: { pref64: string[] }
    }
    assert.deepEqual([json.revision, json.document.pref64], [1, ['64:ff9b::/96']])
  })

  it('show before anything was published is 1', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const { status, stderr } = await sixgate(lab, 'config show')
    assert.equal(status, 1)
    assert.match(stderr, /no site document was published yet/)
  })

  it('validate of a good file, with nothing but the file: no NATS, no environment', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const { status, stdout } = spawnSync(process.execPath, [CLI, 'config', 'validate', lab.siteFile], {
      env: {},
      encoding: 'utf8',
    })
    assert.deepEqual([status, stdout], [0, `${lab.siteFile}: a good site document\n`])
  })

  it('validate names every mistake with line and column, and is 1', async () => {
    await using lab = await SiteLab.start(true)
    lab.writeSite(siteYaml('64:ff9b::/72').replace('198.18.0.0/16', '198.18.0.0/40'))
    const { status, stdout, stderr } = await sixgate(lab, 'config validate')
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(stderr, /site\.yaml:5:\d+ pref64\[0\]: .*64:ff9b::\/72/)
    assert.match(stderr, /site\.yaml:8:\d+ nat64\.pool4\[0\]: .*198\.18\.0\.0\/40/)
    assert.match(stderr, /nothing was changed/)
  })

  it('validate - reads standard input', async () => {
    await using lab = await SiteLab.start(true)
    const good = await shell(lab, `printf %s "$TEXT" | ${SIXGATE} config validate -`, { TEXT: siteYaml() })
    assert.deepEqual(good, { status: 0, stdout: '-: a good site document\n', stderr: '' })
    const bad = await shell(lab, `${SIXGATE} config validate - <<<"$TEXT"`, { TEXT: siteYaml('64:ff9b::/72') })
    assert.equal(bad.status, 1)
    assert.match(bad.stderr, /standard input:5:\d+ pref64\[0\]: .*64:ff9b::\/72/)
  })

  it('validate of a file that is not there', async () => {
    await using lab = await SiteLab.start(true)
    const { status, stderr } = await sixgate(lab, 'config validate /nowhere/site.yaml')
    assert.equal(status, 1)
    assert.match(
      stderr,
      /\/nowhere\/site\.yaml: cannot be read here \(ENOENT.*\); a file of the host comes by standard input: .* config validate - < \/nowhere\/site\.yaml$/m,
    )
  })

  it('apply without the site document', async () => {
    await using lab = await SiteLab.start(true)
    const { status, stderr } = await sixgateHere(lab, 'config apply')
    assert.equal(status, 1)
    assert.match(stderr, /site\/site\.yaml: cannot be read \(ENOENT.*\); it is the site document, by SITE_FILE$/m)
  })

  it('apply publishes site.yaml and waits until every service runs it', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    lab.writeSite(siteYaml())
    const applying = lab.run('console', CLI, ['config', 'apply'])
    await applying.waitFor(/revision 1 is published; waiting for the services/)
    for (const service of SERVICE_NAMES) await report(lab, service)
    assert.equal(await applying.ended, 0)
    assert.match(applying.output.stdout, /in force everywhere/)
  })

  it('apply of a document with a mistake publishes nothing', async () => {
    await using lab = await withDaemon()
    writeFileSync(join(lab.directory, 'bad.yaml'), siteYaml('64:ff9b::/72'))
    const { status, stderr } = await sixgate(lab, 'config apply', { SITE_FILE: join(lab.directory, 'bad.yaml') })
    assert.equal(status, 1)
    assert.match(stderr, /bad\.yaml:5:.*\n.*nothing was changed/s)
    assert.match((await sixgate(lab, 'config show')).stdout, /^# revision 1$/m)
  })
})

describe('sixgate hosts', () => {
  const none = { packets: 0, bytes: 0 }
  const host = (last: number) => ({
    ip6: `fd00::${last}`,
    ip4: `198.18.0.${last}`,
    pref64: '64:ff9b::/96',
    idleS: 65,
    out: { fastPath: { packets: 3, bytes: 300 }, typescript: { packets: 1, bytes: 100 } },
    in: { fastPath: none, typescript: none },
  })

  it('asks every instance page by page, and takes MACs from ra-advertiser', async () => {
    await using lab = await withDaemon()
    const all = [2, 7, 9].map(host)
    for (const instance of ['a', 'b']) {
      const nats = await report(lab, 'nat64', { instance })
      nats.answer({
        hosts: (body) => {
          const after = (body as { after?: string } | undefined)?.after
          const behind = all.slice(after === undefined ? 0 : all.findIndex(({ ip4 }) => ip4 === after) + 1)
          return { hosts: behind.slice(0, 2), more: behind.length > 2 }
        },
      })
    }
    const without = await sixgateHere(lab, 'hosts')
    assert.equal(without.stderr, '')
    assert.equal(without.stdout.split('\n').length, 5, without.stdout)
    const ra = await report(lab, 'ra-advertiser')
    ra.answer({ 'hosts-seen': () => [{ mac: '02:00:00:00:00:07', addresses: ['fe80::7', 'fd00::7'] }] })
    const { status, stdout, stderr } = await sixgateHere(lab, 'hosts')
    assert.equal(stderr, '')
    assert.equal(status, 0)
    assert.match(stdout, /^IPV6 +MAC +IPV4 +PREF64 +CLAT +OUT +IN +IN KERNEL +LAST SEEN\nfd00::2 +- +198\.18\.0\.2 /)
    assert.match(
      stdout,
      /^fd00::7 +02:00:00:00:00:07 +198\.18\.0\.7 +\S+ +- +8 \(800 B\) +0 \(0 B\) +75 % +1 min ago$/m,
    )
    const { hosts } = JSON.parse((await sixgateHere(lab, 'hosts 02:00:00:00:00:07 --json')).stdout) as {
      hosts: unknown[]
    }
    const twice = { fastPath: { packets: 6, bytes: 600 }, typescript: { packets: 2, bytes: 200 } }
    assert.deepEqual(hosts, [{ ...host(7), out: twice, mac: '02:00:00:00:00:07', isLikelyClat: false }])
    for (const spelling of ['02-00-00-00-00-07', 'FD00:0::0007', '198.18.0.7'])
      assert.match((await sixgateHere(lab, `hosts ${spelling}`)).stdout, /^fd00::7 .*\n$/m, spelling)
    assert.equal((await sixgateHere(lab, 'hosts fd00::99')).stdout, 'no host has fd00::99\n')
  })

  it('says so when nat64 does not run', async () => {
    await using lab = await withDaemon()
    const { status, stderr } = await sixgateHere(lab, 'hosts')
    assert.equal(status, 1)
    assert.match(stderr, /no nat64 runs; see: docker compose ps --all nat64/)
  })
})

describe('sixgate drops', () => {
  const sentence = 'No IPv6 host has this IPv4 address.'
  /** An instance of nat64 that answers; its questions are those of the real one. */
  const answering = async (lab: SiteLab, instance: string, packets: number): Promise<void> => {
    const nats = await report(lab, 'nat64', { instance })
    nats.answer({ drops: () => (packets === 0 ? [] : [{ reason: 'no_mapping', packets, sentence }]) })
  }

  it('adds up what the instances dropped, with the sentences', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    await answering(lab, 'b', 2)
    await answering(lab, 'c', 40)
    const { status, stdout, stderr } = await sixgateHere(lab, 'drops')
    assert.deepEqual([status, stderr], [0, ''])
    assert.equal(stdout, `PACKETS  REASON      WHAT IT MEANS\n42       no_mapping  ${sentence}\n`)
    const json = JSON.parse((await sixgateHere(lab, 'drops --json')).stdout) as unknown
    assert.deepEqual(json, { drops: [{ reason: 'no_mapping', packets: 42, sentence }], complaints: [] })
  })

  it('says that nothing was dropped, and who did not answer', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    assert.match((await sixgateHere(lab, 'drops')).stderr, /no nat64 runs; see: docker compose ps --all nat64/)
    await answering(lab, 'b', 0)
    assert.equal((await sixgateHere(lab, 'drops')).stdout, 'no packet was dropped since nat64 started\n')
    await report(lab, 'nat64', { instance: 'c' })
    const { status, stderr } = await sixgateHere(lab, 'drops')
    assert.equal(status, 1)
    assert.match(stderr, /nat64 c: the service is starting; ask again/)
  })
})

describe('sixgate doctor', () => {
  const HOST = [
    { id: 'tun', state: 'ok', found: '/dev/net/tun is there' },
    { id: 'mtu', state: 'note', found: 'lan0 is not here yet' },
  ]
  const BAD = { id: 'disk', state: 'bad', found: 'full', fix: 'docker system prune --force' }

  /** A lab where every service reports, and the firewall answers with these checks of the host. */
  const withChecks = async (checks: unknown): Promise<SiteLab> => {
    const lab = await SiteLab.start()
    await lab.makeBuckets()
    for (const service of SERVICE_NAMES) {
      const nats = await report(lab, service)
      if (service === 'nat44-firewall') nats.answer({ checks: () => checks })
    }
    return lab
  }

  it('is 0 when every service runs and the host is well; a note is no fault', async () => {
    await using lab = await withChecks(HOST)
    const { status, stdout, stderr } = await sixgateHere(lab, 'doctor')
    assert.deepEqual([status, stderr], [0, ''], stdout)
    assert.match(stdout, /^ok {4}nat64 +runs$/m)
    assert.match(stdout, /^note {2}mtu +lan0 is not here yet$/m)
  })

  it('is 1 with what is wrong, and under it the command that mends it', async () => {
    await using lab = await withChecks([...HOST, BAD])
    await report(lab, 'dns64', {
      state: 'degraded',
      problems: [{ code: 'port-taken', message: 'port 53 is taken; stop dnsmasq' }],
    })
    const { status, stdout } = await sixgateHere(lab, 'doctor')
    assert.equal(status, 1)
    assert.match(stdout, /^BAD {3}disk +full\n {6}→ docker system prune --force$/m)
    assert.match(stdout, /^BAD {3}dns64 +port-taken: port 53 is taken; stop dnsmasq\n {6}→ docker compose logs/m)
    const json = JSON.parse((await sixgateHere(lab, 'doctor --json')).stdout) as { isWell: boolean; checks: unknown[] }
    assert.equal(json.isWell, false)
    assert.deepEqual(json.checks.at(-1), BAD)
  })

  it('says which services do not run', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const { status, stdout, stderr } = await sixgateHere(lab, 'doctor')
    assert.equal(status, 1)
    assert.match(stdout, /^BAD {3}nat64 +does not run\n {6}→ docker compose up --detach nat64$/m)
    assert.match(stderr, /no nat44-firewall runs/)
  })
})

describe('sixgate firewall rules', () => {
  const rule = (id: string, packets: number) => ({
    chain: 'forward',
    id,
    text: 'known flows',
    verdict: 'accept',
    packets,
    bytes: packets * 100,
  })

  it('shows every rule, or those that met packets', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const nats = await report(lab, 'nat44-firewall')
    nats.answer({ rules: () => [rule('a', 7), rule('b', 0)] })
    const { status, stdout, stderr } = await sixgateHere(lab, 'firewall rules')
    assert.deepEqual([status, stderr], [0, ''])
    assert.equal(
      stdout,
      'CHAIN    RULE  DOES    PACKETS  BYTES  WHAT FOR\nforward  a     accept  7        700    known flows\nforward  b     accept  0        0      known flows\n',
    )
    assert.doesNotMatch((await sixgateHere(lab, 'firewall rules --used')).stdout, /^forward +b/m)
    const { rules } = JSON.parse((await sixgateHere(lab, 'firewall rules --json')).stdout) as { rules: unknown[] }
    assert.deepEqual(rules, [rule('a', 7), rule('b', 0)])
  })
})

describe('sixgate ra neighbours', () => {
  const router = {
    link: 'lan0',
    router: 'fe80::66',
    mac: '02:00:5e:00:00:66',
    routerLifetimeS: 9000,
    preference: 'high',
    prefixes: ['fd00:6::/64'],
    silentS: 3,
  }
  const finding = { code: 'managed', message: 'M flag (addresses by DHCPv6): it says yes, this gateway no' }
  const answering = async (lab: SiteLab, instance: string, answer: readonly unknown[]): Promise<void> =>
    (await report(lab, 'ra-advertiser', { instance })).answer({ neighbours: () => answer })

  it('lists what the active instance heard, with each thing that is odd; the one that stands by heard nothing', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    await answering(lab, 'a', [{ ...router, findings: [finding] }])
    await answering(lab, 'b', [])
    const { status, stdout, stderr } = await sixgateHere(lab, 'ra neighbours')
    assert.deepEqual([status, stderr], [1, ''])
    assert.equal(
      stdout,
      `LAN   ROUTER    MAC                DEFAULT ROUTER  PREFIXES     HEARD
lan0  fe80::66  02:00:5e:00:00:66  9000 s, high    fd00:6::/64  3 s ago
lan0 fe80::66: ${finding.message}
`,
    )
    const json = JSON.parse((await sixgateHere(lab, 'ra neighbours --json')).stdout) as unknown
    assert.deepEqual(json, { routers: [{ ...router, findings: [finding] }], complaints: [] })
  })

  it('says that there is none', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    await answering(lab, 'a', [])
    const { status, stdout } = await sixgateHere(lab, 'ra neighbours')
    assert.deepEqual([status, stdout], [0, 'no other router advertises on a LAN\n'])
  })
})

describe('sixgate dns explain', () => {
  const explanation = {
    question: 'www.example.net. AAAA',
    rcode: 'NOERROR',
    origin: 'synthesised',
    records: ['www.example.net. 60 AAAA 64:ff9b::c000:221'],
    because: ['A: 192.0.2.53#53 says NOERROR 192.0.2.33', 'prefixes: 64:ff9b::/96'],
  }

  it('shows what every instance says, and passes on what is asked', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const asked: unknown[] = []
    const nats = await report(lab, 'dns64', { instance: 'b' })
    nats.answer({
      explain: (body) => {
        asked.push(body)
        return explanation
      },
    })
    const { status, stdout, stderr } = await sixgateHere(
      lab,
      'dns explain www.example.net --type=AAAA --client=fd00::c',
    )
    assert.deepEqual([status, stderr], [0, ''])
    assert.equal(
      stdout,
      `www.example.net. AAAA: NOERROR (dns64 b)
  www.example.net. 60 AAAA 64:ff9b::c000:221
because
  - A: 192.0.2.53#53 says NOERROR 192.0.2.33
  - prefixes: 64:ff9b::/96
`,
    )
    const json = JSON.parse((await sixgateHere(lab, 'dns explain www.example.net --json')).stdout) as unknown
    assert.deepEqual(json, { answers: [{ instance: 'b', answer: explanation }], complaints: [] })
    assert.deepEqual(asked, [{ name: 'www.example.net', type: 'AAAA', client: 'fd00::c' }, { name: 'www.example.net' }])
  })

  it('a type, client or name that is none is a wrong command line; what dns64 cannot answer yet is not', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    for (const instance of ['a', 'b'])
      (await report(lab, 'dns64', { instance })).answer({
        explain: (body) => {
          const { type } = body as { type?: string }
          if (type === 'X') throw new WrongQuestion('"X" is no record type: a name like AAAA, or TYPE65')
          if (type === 'A' || instance === 'b') throw new QuestionRefused('dns64 has no site document yet')
          return explanation
        },
      })
    for (const words of ['dns explain www.example.net --type=X', 'dns explain www.example.net --type=X --json']) {
      const { status, stdout, stderr } = await sixgateHere(lab, words)
      assert.deepEqual([status, stdout], [2, ''])
      assert.equal(
        stderr,
        'sixgate: "dns explain": "X" is no record type: a name like AAAA, or TYPE65; see: sixgate --help\n',
      )
    }
    assert.equal((await sixgateHere(lab, 'dns explain www.example.net --type=A')).status, 1)
    const half = await sixgateHere(lab, 'dns explain www.example.net')
    assert.deepEqual([half.status, half.stderr], [1, 'sixgate: dns64 b: dns64 has no site document yet\n'])
    assert.match(half.stdout, /^www\.example\.net\. AAAA: NOERROR \(dns64 a\)$/m)
  })
})

describe('sixgate dns queries', () => {
  const query = { ...QUERY, client: 'fd00::c', name: 'www.example.net.' }
  const sentences = { synthesised: 'made from the A records' }

  it('shows the newest of all instances with what their reasons mean, and passes on what is wanted', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const asked: unknown[] = []
    for (const [instance, later] of [
      ['a', 0],
      ['b', 1000],
    ] as const)
      (await report(lab, 'dns64', { instance })).answer({
        queries: (body) => {
          asked.push(body)
          return { kept: 'clients', room: 4096, queries: [{ ...query, atMs: query.atMs + later }], sentences }
        },
      })
    const words = 'dns queries www --client=fd00::c --type=AAAA --rcode=NOERROR --reason=synthesised --limit=2'
    const { status, stdout, stderr } = await sixgateHere(lab, words)
    assert.deepEqual([status, stderr], [0, ''])
    assert.equal(
      stdout,
      `WHEN                 CLIENT   NAME              TYPE  RCODE    FROM           TOOK     REASON
2026-01-31 12:00:01  fd00::c  www.example.net.  AAAA  NOERROR  192.0.2.53#53  30.1 ms  synthesised
2026-01-31 12:00:00  fd00::c  www.example.net.  AAAA  NOERROR  192.0.2.53#53  30.1 ms  synthesised

synthesised  made from the A records
`,
    )
    const filter = { name: 'www', client: 'fd00::c', type: 'AAAA', rcode: 'NOERROR', reason: 'synthesised', limit: 2 }
    assert.deepEqual(asked, [filter, filter])
    const json = JSON.parse((await sixgateHere(lab, 'dns queries --limit=1 --json')).stdout) as unknown
    const newest = { ...query, atMs: query.atMs + 1000 }
    assert.deepEqual(json, { kept: 'clients', queries: [newest], sentences, complaints: [] })
  })

  it('says that none are kept, that none is like that, and which filter is none', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const told = { kept: 'names', room: 4096, queries: [], sentences: {} }
    const nats = await report(lab, 'dns64')
    nats.answer({
      queries: (body) => {
        const { rcode } = body as { rcode?: string }
        if (rcode === 'NO') throw new WrongQuestion('rcode: "NO": must be one of NOERROR')
        return rcode === 'REFUSED' ? { ...told, kept: 'off' } : told
      },
      'top-names': () => ({ kept: 'names', sinceMs: 0, names: [] }),
    })
    assert.match((await sixgateHere(lab, 'dns queries')).stdout, /no query that is kept is like that/)
    assert.match((await sixgateHere(lab, 'dns queries --rcode=REFUSED')).stdout, /dns64.queryLog is off/)
    const refused = await sixgateHere(lab, 'dns queries --rcode=NO')
    assert.deepEqual([refused.status, refused.stdout], [2, ''])
    assert.match(refused.stderr, /^sixgate: "dns queries": rcode: "NO": must be one of NOERROR; see: sixgate --help$/m)
    assert.match((await sixgateHere(lab, 'dns top')).stdout, /nothing was asked in that time/)
  })
})

describe('sixgate dns top', () => {
  it('adds up what instances count, the most frequent name first', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    for (const instance of ['a', 'b'])
      (await report(lab, 'dns64', { instance })).answer({
        'top-names': () => ({
          kept: 'names',
          sinceMs: Date.UTC(2026, 0, 31, 12),
          names: [
            { name: 'one.example.', queries: 5, overAtMost: 0 },
            { name: `${instance}.example.`, queries: 4, overAtMost: 1 },
          ],
        }),
      })
    const { status, stdout } = await sixgateHere(lab, 'dns top --limit=2')
    assert.equal(status, 0)
    assert.match(
      stdout,
      /^since 2026-01-31 12:00:00\nQUERIES {2}TOO HIGH BY AT MOST {2}NAME\n10 {7}- {20}one\.example\.\n4 {8}1 {20}[ab]\.example\.\n$/,
    )
    const json = JSON.parse((await sixgateHere(lab, 'dns top --limit=1 --json')).stdout) as { names: unknown }
    assert.deepEqual(json.names, [{ name: 'one.example.', queries: 10, overAtMost: 0 }])
  })
})

const USAGE: readonly (readonly [string, number, RegExp])[] = [
  ['--help', 0, /Examples\n {2}docker compose exec console sixgate status/],
  ['help', 0, /Exit status: 0/],
  ['status -h', 0, /^sixgate status [^]*Examples\n {2}sixgate status/],
  ['', 2, /there is no command ""/],
  ['help dns explain', 0, /^sixgate dns explain NAME/],
  ['help dns', 0, /^sixgate dns explain NAME[^]*^sixgate dns top /m],
  ['help me', 2, /there is no command "me"/],
  ['--version', 0, /^sixgate \d+\.\d+\.\d+\n$/],
  ['stauts', 2, /there is no command "stauts"; there are: status, doctor, hosts, .*; see: sixgate --help/],
  ['config', 2, /there is no command "config"; there are: config show, config validate, config diff/],
  ['config publish', 2, /there is no command "config publish"; there are: config show/],
  ['config publish --help', 2, /there is no command "config publish"/],
  ['status now', 2, /"status" does not take "now"/],
  ['status --colour', 2, /"status" has no option --colour; it has: --watch, --json, --help; see: sixgate --help/],
  ['status -w', 2, /"status" has no option -w; it has: --watch/],
  ['status --json=yes', 2, /--json takes no value, and has "yes"/],
  ['config apply --watch', 2, /"config apply" has no option --watch; it has: --json, --help/],
  ['events --since', 2, /--since needs a value: --since=…/],
  ['events --since --json', 2, /--since needs a value: --since=…/],
  ['events --since=', 2, /--since needs a value: --since=…/],
  ['events --service=mail', 2, /--service: "mail": must be one of ra-advertiser, dns64, nat64/],
  ['hosts printer', 2, /"hosts", ADDRESS: "printer": must be an IPv6, IPv4 or MAC address/],
  ['log level mail', 2, /"log level", SERVICE: "mail": must be one of ra-advertiser, dns64/],
  ['log level nat64 loud', 2, /"log level", LEVEL: "loud": must be one of trace, debug, info/],
  ['dns explain', 2, /"dns explain" needs NAME/],
  ['dns queries --limit=0', 2, /--limit: "0": must be a whole number from 1 to 500/],
  ['dns top --limit=x', 2, /--limit: "x": must be a whole number/],
  ['drops now', 2, /"drops" does not take "now"/],
  ['config validate a b', 2, /"config validate" does not take "b"/],
]

describe('sixgate, the command line', () => {
  for (const [words, expected, pattern] of USAGE) {
    it(`"${words}" is ${expected}`, () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...words.split(' ')], {
        env: {},
        encoding: 'utf8',
      })
      assert.equal(status, expected)
      assert.match(expected === 0 ? stdout : stderr, pattern)
    })
  }

  it('a pipe that is closed ends no command half way: its exit status is that of its work', async () => {
    await using lab = await SiteLab.start(true)
    lab.writeSite(siteYaml('64:ff9b::/72'))
    const readNothing = 'exec 0<&-; sleep 0'
    for (const [words, status] of [
      ['completion bash', 0],
      ['config validate --json', 1],
    ] as const) {
      const said = await shell(lab, `{ ${SIXGATE} ${words}; echo "ended: $?" >&2; } | { ${readNothing}; }`)
      assert.equal(said.stderr, `ended: ${status}\n`, words)
    }
    // Complaints that nobody reads.
    const { stdout } = await shell(
      lab,
      `{ { ${SIXGATE} status now; echo "ended: $?" >&3; } 2>&1 | { ${readNothing}; }; } 3>&1`,
    )
    assert.equal(stdout, 'ended: 2\n')
  })

  it('without words it prints the help, and is 2', () => {
    const { status, stdout } = spawnSync(process.execPath, [CLI], { env: {}, encoding: 'utf8' })
    assert.equal(status, 2)
    assert.match(stdout, /^sixgate: the gateway of this site/)
  })
})
