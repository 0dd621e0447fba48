/**
 * What somebody else changes is mended within 3 s: by the event that the change itself causes, or, where the kernel tells nobody, by the
 * next look of a timer of 2 s. Time is in the test's hands here, so that nothing depends on how fast this machine is: changes that cause an
 * event are mended while that timer stands still, the others when it goes on.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { createLogger } from '@sixgate/obs'
import { enterNamespace, Lab, Namespace } from '@sixgate/testkit'
import { Firewall } from './service.ts'
import { testSite } from './testkit/scenarios.ts'

const skip = enterNamespace()
const PROMISED_MS = 3000
const LOOK_EVERY_MS = 2000
/** Only a failed test waits so long. */
const PATIENCE_MS = 60_000
const directory = mkdtempSync(join(tmpdir(), 'sixgate-drift-'))
const lab = new Lab()
const here = (): Namespace => Namespace.here()
let states = 0

before(async () => {
  if (skip !== false) return
  const far = await lab.namespace('far')
  lab.cable({ in: here(), name: 'lan0' }, { in: far, name: 'far-lan0' })
  lab.cable({ in: here(), name: 'wan0', addresses: ['203.0.113.2/24'] }, { in: far, name: 'far-wan0' })
  here().ip('route add default via 203.0.113.1')
})
after(async () => {
  await lab.close()
  rmSync(directory, { recursive: true })
})

const until = async (what: string, done: () => boolean): Promise<void> => {
  const deadline = performance.now() + PATIENCE_MS
  while (!done()) {
    if (performance.now() > deadline) assert.fail(`not within ${PATIENCE_MS} ms: ${what}`)
    await new Promise(setImmediate)
  }
}

const sh = (command: string): string => here().sh('sh', '-c', command)
const table = (): string => here().runSync('nft', '-s', 'list', 'table', 'inet', 'sixgate').stdout
const ipForward = (): string => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim()

/** As dockerd leaves it: a chain for the owner, and a policy that drops. */
const playDocker = (tool: string): void => {
  for (const rule of ['-P FORWARD DROP', '-N DOCKER-USER', '-A DOCKER-USER -j RETURN', '-A FORWARD -j DOCKER-USER'])
    sh(`${tool} -w ${rule}`)
}
const undoDocker = (tool: string): void => {
  for (const rule of ['-P FORWARD ACCEPT', '-F', '-X']) sh(`${tool} -w ${rule}`)
}

/** The service with timers of these kinds in the hands of the test: they stand still until they are told to go on. */
const withService = async (
  t: TestContext,
  apis: readonly ('setInterval' | 'setTimeout')[],
  run: (service: Firewall) => Promise<void>,
): Promise<void> => {
  t.mock.timers.enable({ apis: [...apis] })
  const service = new Firewall({
    name: 'nat44-firewall',
    instance: 'test',
    log: createLogger({ service: 'nat44-firewall', instance: 'test', level: 'silent' }),
    stateDir: mkdtempSync(join(directory, `state-${states++}-`)),
    sysctlRoot: '/proc/sys/net',
    bus: { bucket: () => undefined },
  })
  try {
    await service.apply({ revision: 1, site: testSite() })
    assert.deepEqual(service.problems(), [])
    await run(service)
  } finally {
    await service.stop('remove')
    sh('nft flush ruleset')
  }
}

const RULE = `nft -a list chain inet sixgate forward | sed -n 's/.*forward-established.* # handle //p'`
const TABLE_EDITS: readonly (readonly [what: string, command: string])[] = [
  ['it is flushed', 'nft flush table inet sixgate'],
  ['it is deleted', 'nft delete table inet sixgate'],
  ['all tables are deleted', 'nft flush ruleset'],
  ['one rule is deleted', `nft delete rule inet sixgate forward handle $(${RULE})`],
  ['one rule is replaced', `nft replace rule inet sixgate forward handle $(${RULE}) counter accept comment x`],
  ['a rule is added', 'nft insert rule inet sixgate input counter accept'],
  ['a policy is changed', 'nft chain inet sixgate forward "{ policy accept; }"'],
  ['a chain is added', 'nft add chain inet sixgate mine "{ type filter hook forward priority 5; policy drop; }"'],
]

test('the table, by whatever edit: mended by the event alone', { skip }, async (t) => {
  await withService(t, ['setInterval'], async (service) => {
    const wanted = table()
    for (const [index, [what, command]] of TABLE_EDITS.entries()) {
      sh(command)
      // The counter goes up behind the load, so both are waited for.
      await until(`${what}: the table is back`, () => table() === wanted)
      await until(`${what}: counted`, () => service.counters()['table_repairs_total'] === index + 1)
    }
  })
})

const OURS = /--comment sixgate/
const FOREIGN = '-s 192.0.2.99/32 -j DROP'

test('chains of Docker, edited by somebody else: mended by the event alone, and the rest stays as they made it', {
  skip,
}, async (t) => {
  playDocker('iptables-nft')
  await withService(t, ['setInterval'], async () => {
    const chain = (name: string): readonly string[] => sh(`iptables-nft -w -S ${name}`).trim().split('\n')
    const ours = (name: string): readonly string[] => chain(name).filter((line) => OURS.test(line))
    const wanted = ours('DOCKER-USER')
    assert.ok(wanted.length > 0)
    const back = (what: string): Promise<void> =>
      until(what, () => ours('DOCKER-USER').join() === wanted.join() && ours('FORWARD').length === 0)

    sh('iptables-nft -w -F DOCKER-USER')
    await back('DOCKER-USER is flushed')
    sh(`iptables-nft -w ${wanted[0]?.replace('-A', '-D')}`)
    await back('one accept is deleted')
    // What others put there stays, whatever is mended around it.
    sh(`iptables-nft -w -A DOCKER-USER ${FOREIGN}`)
    sh(`iptables-nft -w -A FORWARD ${FOREIGN}`)
    sh(`iptables-nft -w ${wanted.at(-1)?.replace('-A', '-D')}`)
    await until(
      'all are back, whatever their order',
      () => ours('DOCKER-USER').toSorted().join() === wanted.toSorted().join(),
    )
    for (const name of ['DOCKER-USER', 'FORWARD']) assert.ok(chain(name).includes(`-A ${name} ${FOREIGN}`), name)
    // FORWARD does not pass through DOCKER-USER any more: accepts in there would be of no use.
    sh('iptables-nft -w -D FORWARD -j DOCKER-USER')
    await until(
      'the accepts are in FORWARD',
      () => ours('FORWARD').length === wanted.length && ours('DOCKER-USER').length === 0,
    )
    sh('iptables-nft -w -I FORWARD -j DOCKER-USER')
    await until(
      'and in DOCKER-USER again',
      () => ours('FORWARD').length === 0 && ours('DOCKER-USER').length === wanted.length,
    )
    assert.ok(chain('FORWARD').includes(`-A FORWARD ${FOREIGN}`))
  })
})

const hasLegacyAccepts = (): boolean =>
  sh('iptables-legacy -w -S DOCKER-USER').match(/--comment sixgate/g)?.length === 3

const SILENT: readonly (readonly [what: string, command: string, isMended: () => boolean])[] = [
  ['forwarding is switched off', 'echo 0 >/proc/sys/net/ipv4/ip_forward', () => ipForward() === '1'],
  ['DOCKER-USER of iptables-legacy is flushed', 'iptables-legacy -w -F DOCKER-USER', hasLegacyAccepts],
  ['DOCKER-USER of iptables-legacy is rid of one accept', 'iptables-legacy -w -D DOCKER-USER 1', hasLegacyAccepts],
]

test('what the kernel tells nobody is mended by the next look of the timer, less than 3 s later', {
  skip,
}, async (t) => {
  playDocker('iptables-legacy')
  t.after(() => undoDocker('iptables-legacy'))
  // Events only start a timer too, so that nothing is looked at before time goes on.
  await withService(t, ['setInterval', 'setTimeout'], async (service) => {
    for (const [what, command, isMended] of SILENT) {
      assert.ok(isMended(), `${what}: not well before`)
      sh(command)
      assert.ok(!isMended(), what)
      t.mock.timers.tick(LOOK_EVERY_MS)
      await until(what, isMended)
    }
    assert.deepEqual(service.problems(), [])
  })
  assert.ok(LOOK_EVERY_MS < PROMISED_MS)
})
