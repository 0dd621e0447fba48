import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ServiceContext, SiteRejected } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { enterNamespace, Lab, Namespace } from '@sixgate/testkit'
import { type SiteChanges, testSite } from './testkit/scenarios.ts'
import { Firewall } from './service.ts'

const skip = enterNamespace()
const directory = mkdtempSync(join(tmpdir(), 'sixgate-firewall-'))
const PATH = process.env['PATH'] ?? ''
const here = (): Namespace => Namespace.here()

/**
 * Only a failed test waits so long. What is promised (drift is mended within 3 s) is held in drift.test.ts and io/host-watch.test.ts, and by the
 * clock in e2e: here dozens of programs are started one after the other beside other tests.
 */
const PATIENCE_MS = 30_000

const until = async (what: string, done: () => boolean): Promise<void> => {
  const deadline = performance.now() + PATIENCE_MS
  while (!done()) {
    if (performance.now() > deadline) assert.fail(`not within ${PATIENCE_MS} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

let lab: Lab
let states = 0
let open: Firewall[] = []

const context = (stateDir: string): ServiceContext => ({
  name: 'nat44-firewall',
  instance: 'test',
  log: createLogger({ service: 'nat44-firewall', instance: 'test', level: 'silent' }),
  stateDir,
  sysctlRoot: '/proc/sys/net',
  bus: { bucket: () => undefined },
})

const newState = (): string => {
  const stateDir = join(directory, `state-${states++}`)
  mkdirSync(stateDir)
  return stateDir
}

const firewall = (stateDir = newState(), userRules?: string): Firewall => {
  const made = new Firewall(context(stateDir), userRules)
  open.push(made)
  return made
}

let revision = 0
const apply = (service: Firewall, changes: SiteChanges = {}): Promise<void> =>
  service.apply({ revision: ++revision, site: testSite(changes) })

const ruleset = (): string => here().sh('nft', '-s', 'list', 'ruleset')
const table = (): string => here().runSync('nft', '-s', 'list', 'table', 'inet', 'sixgate').stdout
const sysctl = (path: string): string => readFileSync(`/proc/sys/net/${path}`, 'utf8').trim()
const forwarding = (): readonly string[] => [sysctl('ipv4/ip_forward'), sysctl('ipv6/conf/all/forwarding')]
const codes = (service: Firewall): readonly string[] => service.problems().map(({ code }) => code)
const dump = (): string =>
  here().sh('sh', '-c', 'grep -rH . /proc/sys/net 2>/dev/null | grep -v -e nf_conntrack_count -e stable_secret | sort')

beforeEach(async () => {
  if (skip !== false) return
  lab = new Lab()
  const far = await lab.namespace('far')
  lab.cable({ in: here(), name: 'lan0' }, { in: far, name: 'far-lan0' })
  lab.cable({ in: here(), name: 'wan0', addresses: ['203.0.113.2/24'] }, { in: far, name: 'far-wan0' })
  lab.cable({ in: here(), name: 'wan1', addresses: ['198.51.100.2/24'] }, { in: far, name: 'far-wan1' })
  here().ip('route add default via 203.0.113.1')
})

afterEach(async () => {
  if (skip !== false) return
  process.env['PATH'] = PATH
  for (const service of open.splice(0)) await service.stop('remove')
  await lab.close()
  here().sh('nft', 'flush', 'ruleset')
  // Asking iptables-legacy makes its table, which then stays.
  if (!readFileSync('/proc/self/net/ip_tables_names', 'utf8').includes('filter')) return
  here().sh('iptables-legacy', '-F')
  here().sh('iptables-legacy', '-P', 'FORWARD', 'ACCEPT')
})
after(() => rmSync(directory, { recursive: true }))

test('a document is put in force: rules, forwarding, accepts for Docker', { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  const service = firewall()
  await apply(service)
  assert.deepEqual(codes(service), [])
  assert.match(table(), /oifname "wan0" ip saddr 198\.18\.0\.0\/16 counter masquerade/)
  assert.deepEqual(forwarding(), ['1', '1'])
  assert.match(here().sh('iptables-nft', '-S', 'FORWARD'), /-i nat64 -o wan0 -m comment --comment sixgate -j ACCEPT/)
  assert.equal(service.counters()['loads_total'], 1)
})

test('stop remove leaves the host as it was found', { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  here().sh('nft', 'add table inet somebody; add chain inet somebody x { type filter hook input priority 0; }')
  const before = [ruleset(), dump()]
  const service = firewall()
  await apply(service)
  assert.notDeepEqual([ruleset(), dump()], before)
  await service.stop('remove')
  assert.deepEqual([ruleset(), dump()], before)
})

test('stop keep leaves everything in place; the successor goes on counting and can remove it all', {
  skip,
}, async () => {
  const before = [ruleset(), dump()]
  const stateDir = newState()
  const first = firewall(stateDir)
  await apply(first)
  // A packet of the gateway to itself by its uplink is counted by the rule for other links (lo).
  here().sh('ping', '-c1', '203.0.113.2')
  await first.stop('keep')
  const kept = [ruleset(), dump()]
  assert.deepEqual(forwarding(), ['1', '1'])
  const second = firewall(stateDir)
  assert.deepEqual([ruleset(), dump()], kept)
  await apply(second)
  assert.deepEqual([ruleset(), dump()], kept)
  assert.ok((second.counters()['rule_other_input_packets_total'] ?? 0) > 0)
  await second.stop('remove')
  assert.deepEqual([ruleset(), dump()], before)
})

const DRIFTS: readonly (readonly [what: string, command: string])[] = [
  ['a chain is flushed', 'flush chain inet sixgate forward'],
  ['the table is flushed', 'flush table inet sixgate'],
  ['the table is deleted', 'delete table inet sixgate'],
  ['the ruleset is flushed', 'flush ruleset'],
  ['a rule is added', 'insert rule inet sixgate forward accept'],
  ['a policy is changed', 'chain inet sixgate forward { policy accept; }'],
  ['a set is added', 'add set inet sixgate s { type ipv4_addr; }'],
  ['the table sleeps', 'add table inet sixgate { flags dormant; }'],
]

for (const [what, command] of DRIFTS)
  test(`drift is mended and counted: ${what}`, { skip }, async () => {
    const service = firewall()
    await apply(service)
    here().sh('ping', '-c1', '203.0.113.2')
    const before = table()
    // An event, because a slow machine reads them less often by itself than the patience here lasts.
    here().sh('nft', 'add table inet somebodys')
    await until('counters are read', () => (service.counters()['rule_other_input_packets_total'] ?? 0) > 0)
    const counted = service.counters()['rule_other_input_packets_total'] ?? 0
    here().sh('nft', command)
    assert.notEqual(table(), before)
    await until('the table is back', () => table() === before)
    await until('the repair is counted', () => service.counters()['table_repairs_total'] === 1)
    assert.ok((service.counters()['rule_other_input_packets_total'] ?? 0) >= counted, 'counters go on')
  })

test('dockerd restarts: its chain comes anew, our accepts move into it', { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  const service = firewall()
  await apply(service)
  here().sh('iptables-nft', '-N', 'DOCKER-USER')
  here().sh('iptables-nft', '-A', 'DOCKER-USER', '-j', 'RETURN')
  here().sh('iptables-nft', '-I', 'FORWARD', '-j', 'DOCKER-USER')
  await until('the accepts are in DOCKER-USER only', () => {
    const text = here().sh('iptables-nft', '-S')
    return text.match(/-A DOCKER-USER .*sixgate/g)?.length === 3 && !/-A FORWARD .*sixgate/.test(text)
  })
})

test("the owner's rules: taken, kept, and a mistake changes nothing", { skip }, async () => {
  const nftDir = join(directory, `nft.d-${states++}`)
  mkdirSync(nftDir)
  const file = join(nftDir, 'mine.nft')
  writeFileSync(file, 'chain user_forward {\n  ip6 saddr fd00:1:2:3::66 counter drop\n}\n')
  const before = ruleset()
  const service = firewall(newState(), nftDir)
  await apply(service)
  assert.match(table(), /ip6 saddr fd00:1:2:3::66 counter drop/)
  const wanted = table()

  here().sh('nft', 'flush chain inet sixgate user_forward')
  await until('the rule is back', () => table() === wanted)

  writeFileSync(file, 'chain user_forward {\n  ip6 saddr nonsense counter dorp\n}\n')
  await until('the mistake shows', () => codes(service).includes('user-rules'))
  assert.match(service.problems()[0]?.message ?? '', /mine\.nft:2:.*\(what stood before stays\)$/s)
  assert.equal(table(), wanted)

  writeFileSync(file, 'chain user_input {\n  tcp dport 2222 accept\n}\n')
  await until('the new rule stands', () => /tcp dport 2222 accept/.test(table()))
  await until('the problem is over', () => codes(service).length === 0)
  assert.doesNotMatch(table(), /fd00:1:2:3::66/)
  await service.stop('remove')
  assert.equal(ruleset(), before)
})

test('the uplink moves: rules and accepts follow', { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  const service = firewall()
  await apply(service)
  here().ip('route change default via 198.51.100.1')
  await until('the rules name wan1', () => /oifname "wan1" ip saddr .* masquerade/.test(table()))
  await until('the accepts name wan1', () => /-o wan1/.test(here().sh('iptables-nft', '-S')))
  assert.doesNotMatch(table(), /wan0/)
  assert.doesNotMatch(here().sh('iptables-nft', '-S'), /wan0/)
})

test('the uplink goes: said so, still closed, also for a successor; healed when it is back', { skip }, async () => {
  const stateDir = newState()
  const service = firewall(stateDir)
  await apply(service)
  here().ip('route del default')
  await until('the problem shows', () => codes(service).includes('wan-missing'))
  assert.match(table(), /iifname "wan0" counter drop comment "wan-refused/)
  await service.stop('keep')
  const successor = firewall(stateDir)
  await apply(successor)
  assert.deepEqual(codes(successor), ['wan-missing'])
  assert.match(table(), /iifname "wan0" counter drop comment "wan-refused/)
  here().ip('route add default via 203.0.113.1')
  await until('the problem is over', () => codes(successor).length === 0)
})

test('an uplink that gets a public address: private destinations are refused there from then on', {
  skip,
}, async () => {
  const service = firewall()
  await apply(service)
  assert.equal(service.counters()['uplink_public'], 0)
  assert.doesNotMatch(table(), /nat64-to-private/)
  here().ip('address add 9.9.9.2/24 dev wan0')
  here().ip('address del 203.0.113.2/24 dev wan0')
  here().ip('route replace default via 9.9.9.1')
  await until('the rules know', () => /nat64-to-private/.test(table()))
  assert.equal(service.counters()['uplink_public'], 1)
})

test('an uplink by name that is not there: said so, healed when it comes', { skip }, async () => {
  const service = firewall()
  await apply(service, { wan: { interface: 'eth9' } })
  assert.deepEqual(codes(service), ['wan-missing'])
  assert.match(service.problems()[0]?.message ?? '', /wan\.interface: there is no link "eth9" \(there are: /)
  here().ip('link set wan1 down')
  here().ip('link set wan1 name eth9')
  await until('the problem is over', () => codes(service).length === 0)
})

/** A directory with these programs only, to be the PATH. */
const onlyPrograms = (...names: readonly string[]): string => {
  const bin = join(directory, `bin-${states++}`)
  mkdirSync(bin)
  for (const name of names) {
    const found = PATH.split(':').find((part) => existsSync(join(part, name)))
    symlinkSync(join(found ?? assert.fail(name), name), join(bin, name))
  }
  return bin
}

test('without nft: said so, nothing is forwarded, healed when it is installed', { skip }, async () => {
  const service = firewall()
  process.env['PATH'] = onlyPrograms('iptables-nft')
  await apply(service)
  assert.deepEqual(codes(service), ['nft-missing'])
  assert.match(service.problems()[0]?.message ?? '', /apt-get install nftables/)
  process.env['PATH'] = PATH
  assert.deepEqual(forwarding(), ['0', '0'])
  await until('healed', () => codes(service).length === 0)
  assert.deepEqual(forwarding(), ['1', '1'])
})

test('an nft that cannot be executed: said so, the document is not rejected, healed when it can', {
  skip,
}, async () => {
  const service = firewall()
  const bin = onlyPrograms('iptables-nft')
  writeFileSync(join(bin, 'nft'), 'not a program\n', { mode: 0o644 })
  process.env['PATH'] = bin
  await apply(service)
  assert.deepEqual(codes(service), ['nft-unusable'])
  assert.match(service.problems()[0]?.message ?? '', /^nft is there but cannot be run \(EACCES\): .*reinstall nftables/)
  assert.deepEqual(forwarding(), ['0', '0'])
  process.env['PATH'] = PATH
  await until('healed', () => codes(service).length === 0)
})

test('questions: the rules in force with their counters, and checks of the host', { skip }, async () => {
  const service = firewall()
  assert.throws(() => service.questions['rules']?.({}), /no rules are in force/)
  await apply(service)
  const rules = service.questions['rules']?.({}) as { id: string; verdict: string; packets: number }[]
  assert.equal(rules.find(({ id }) => id === 'masquerade')?.verdict, 'masquerade')
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length)
  // Each of them is two metrics.
  const metrics = Object.keys(service.counters())
  for (const { id } of rules)
    for (const unit of ['packets', 'bytes'])
      assert.ok(metrics.includes(`rule_${id.replaceAll('-', '_')}_${unit}_total`), `${id} ${unit}`)
  const checks = (await service.questions['checks']?.({})) as { id: string; state: string; found: string }[]
  const state = (id: string): string | undefined => checks.find((check) => check.id === id)?.state
  for (const id of ['document', 'lan', 'uplink', 'forwarding', 'docker']) assert.equal(state(id), 'ok', id)
})

test('the LAN gets another prefix: hosts with the one before are told, also by a successor; down forgets it', {
  skip,
}, async () => {
  const stateDir = newState()
  const service = firewall(stateDir)
  await apply(service, { lan: { prefix: '2001:db8:a::/64' } })
  assert.doesNotMatch(table(), /lan-old-prefix/)
  await apply(service, { lan: { prefix: '2001:db8:b::/64' } })
  const told = /ip6 saddr 2001:db8:a::\/64 counter reject with icmpv6 policy-fail/
  assert.match(table(), told)
  const routes = (): string => here().ip('-6 route show 2001:db8:a::/64')
  assert.match(routes(), /dev lan0/)
  await service.stop('keep')
  const successor = firewall(stateDir)
  await apply(successor, { lan: { prefix: '2001:db8:b::/64' } })
  assert.match(table(), told)
  await successor.stop('remove')
  assert.equal(routes(), '')
})

test('without iptables: a problem only where there is an iptables table', { skip }, async () => {
  const service = firewall()
  process.env['PATH'] = onlyPrograms('nft')
  await apply(service)
  assert.deepEqual(codes(service), [])
  assert.deepEqual(forwarding(), ['1', '1'])
  process.env['PATH'] = PATH
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  process.env['PATH'] = onlyPrograms('nft')
  await until('the problem shows', () => codes(service).includes('docker-missing'))
  assert.match(service.problems()[0]?.message ?? '', /iptables-nft is not installed: apt-get install iptables/)
  process.env['PATH'] = PATH
  await until('healed', () => codes(service).length === 0)
})

test('rules that nft refuses: the document is rejected, the rules before it stay and are kept', { skip }, async () => {
  const service = firewall()
  await apply(service)
  const before = table()
  // A real nft that does not know something in the document: it reads everything but refuses to load.
  const bin = onlyPrograms('iptables-nft')
  const real = PATH.split(':').find((part) => existsSync(join(part, 'nft')))
  writeFileSync(
    join(bin, 'nft'),
    `#!/bin/sh\ncase "$*" in *-f*) echo "internal:0:0-0: Error: syntax error" >&2; exit 1 ;; esac\nexec ${real}/nft "$@"\n`,
  )
  chmodSync(join(bin, 'nft'), 0o755)
  process.env['PATH'] = bin
  await assert.rejects(apply(service, { firewall: { mssClamp: false } }), (error) => {
    assert.ok(error instanceof SiteRejected)
    assert.equal(error.code, 'rules-refused')
    assert.match(error.message, /^nft refused the rules: .*syntax error; the rules in force stay$/)
    return true
  })
  process.env['PATH'] = PATH
  assert.equal(table(), before)
  here().sh('nft', 'flush', 'ruleset')
  await until('the rules of the document before are kept', () => table() === before)
})

test('drift of other things is mended: forwarding, accepts in both flavours of iptables', { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  here().sh('iptables-legacy', '-P', 'FORWARD', 'DROP')
  const service = firewall()
  await apply(service)
  const flavours = ['iptables-nft', 'iptables-legacy']
  const rules = (): readonly string[] => flavours.map((tool) => here().sh(tool, '-S', 'FORWARD'))
  const before = rules()
  for (const text of before) assert.match(text, /--comment sixgate/)
  here().sysctl('ipv4/ip_forward', 0)
  for (const tool of flavours) here().sh(tool, '-F', 'FORWARD')
  await until('all is back', () => forwarding()[0] === '1' && rules().join() === before.join())
})

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

/** Starts the service as it runs alone, with a site document in a file. */
const runAlone = (wrapper: readonly string[] = []) => {
  const stateDir = newState()
  const file = join(stateDir, 'site.yaml')
  writeFileSync(
    file,
    'lan: { interface: lan0, prefix: "fd00:1:2:3::/64" }\npref64: ["64:ff9b::/96"]\nnat64: { pool4: ["198.18.0.0/16"] }\n',
  )
  const [command, ...args] = [...wrapper, process.execPath, MAIN]
  const env = {
    SITE: `file:${file}`,
    STATE_DIR: stateDir,
    HEALTH_FILE: join(stateDir, 'health.json'),
    LOG_LEVEL: 'info',
  }
  return here().spawn(command, args, env)
}

test('SITE=file: runs alone, and SIGTERM removes everything', { skip }, async () => {
  const before = [ruleset(), dump()]
  const running = runAlone()
  await running.waitFor(/"rules loaded"/)
  await until('it forwards', () => forwarding().join() === '1,1')
  assert.equal(await running.stop('SIGTERM'), 0)
  assert.deepEqual([ruleset(), dump()], before)
})

test('without CAP_NET_ADMIN: says so, stays up, forwards nothing', { skip }, async () => {
  const running = runAlone(['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'])
  await running.waitFor(/nft may not change the firewall: the container needs cap_add NET_ADMIN/)
  assert.deepEqual(forwarding(), ['0', '0'])
  assert.equal(running.child.exitCode, null)
  assert.equal(await running.stop('SIGTERM'), 0)
})
