/** A state disk without room: a firewall goes on following its document and its links. This namespace is the gateway. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Lab, Namespace, type Process, SLOWNESS } from '@sixgate/testkit'

const skip = enterNamespace()
const here = (): Namespace => Namespace.here()
const lab = new Lab()
const directory = mkdtempSync(join(tmpdir(), 'sixgate-full-disk-'))
const stateDir = join(directory, 'state')
const siteFile = join(directory, 'site.yaml')
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
/** Only a failed test waits so long. */
const PATIENCE_MS = 30_000 * SLOWNESS

if (skip === false) {
  mkdirSync(stateDir)
  const far = await lab.namespace('far')
  lab.cable({ in: here(), name: 'lan0' }, { in: far, name: 'far-lan0' })
  lab.cable({ in: here(), name: 'wan0', addresses: ['203.0.113.2/24'] }, { in: far, name: 'far-wan0' })
  lab.cable({ in: here(), name: 'wan1', addresses: ['198.51.100.2/24'] }, { in: far, name: 'far-wan1' })
  here().ip('route add default via 203.0.113.1')
}
const running: Process[] = []
after(async () => {
  await Promise.all(running.map((process) => process.stop('SIGKILL')))
  await lab.close()
  rmSync(directory, { recursive: true })
})

const writeSite = (prefix: string, firewall = '{}'): void =>
  writeFileSync(
    siteFile,
    `lan: { interface: lan0, prefix: "${prefix}" }\npref64: ["64:ff9b::/96"]\nnat64: { pool4: ["198.18.0.0/16"] }\nfirewall: ${firewall}\n`,
  )

/** The service alone, its state on a disk of 64 KiB that only it and `FILL` see. `before`: commands on that disk. */
const start = (before = ':'): Process => {
  const inMounts = ['--mount', 'sh', '-ec', `mount -t tmpfs -o size=64k none "$0"\n${before}\nexec "$@"`]
  const service = here().spawn('unshare', [...inMounts, stateDir, process.execPath, MAIN], {
    SITE: `file:${siteFile}`,
    STATE_DIR: stateDir,
    HEALTH_FILE: join(directory, 'health.json'),
    LOG_LEVEL: 'info',
  })
  running.push(service)
  return service
}

/** Takes all room: cat fails when there is none left. */
const FILL = `! cat /dev/zero > "${stateDir}/ballast"`

const until = async (what: string, done: () => boolean): Promise<void> => {
  const deadline = performance.now() + PATIENCE_MS
  while (!done()) {
    if (performance.now() > deadline) assert.fail(`not within ${PATIENCE_MS} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
const table = (): string => here().runSync('nft', '-s', 'list', 'table', 'inet', 'sixgate').stdout
const ipForward = (): string => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim()

test('the disk fills up: another document and another uplink are in force all the same, and `down` takes all away', {
  skip,
}, async () => {
  writeSite('2001:db8:a::/64')
  const service = start()
  await service.waitFor(/"rules loaded"/)
  await until('it forwards', () => ipForward() === '1')
  here().sh('nsenter', `--mount=/proc/${service.child.pid}/ns/mnt`, 'sh', '-c', FILL)

  writeSite('2001:db8:b::/64', '{ mssClamp: false }')
  await until('the new document is in force', () => !/chain mss/.test(table()) && /2001:db8:b::/.test(table()))
  // RFC 7084 L-14: what was forgotten by the disk is still in mind.
  await until('the old prefix is remembered', () => /2001:db8:a::\/64 counter reject/.test(table()))

  here().ip('route replace default via 198.51.100.1')
  await until('the rules name wan1', () => /oifname "wan1" ip saddr .* masquerade/.test(table()))
  await service.waitFor(/ENOSPC/)

  here().sh('nft', 'flush', 'table', 'inet', 'sixgate')
  await until('drift is mended', () => /masquerade/.test(table()))
  await service.waitFor(/somebody changed or removed the table inet sixgate/)

  assert.equal(await service.stop('SIGTERM'), 0)
  assert.equal(table(), '')
  assert.equal(ipForward(), '0')
  here().ip('route replace default via 203.0.113.1')
})

test('a start with a full disk: the rules stand; forwarding waits until its original value can be kept', {
  skip,
}, async () => {
  writeSite('fd00:1:2:3::/64')
  const service = start(FILL)
  await until('the rules stand', () => /masquerade/.test(table()))
  await service.waitFor(/forwarding-failed.*ENOSPC/)
  assert.equal(ipForward(), '0')
  here().sh('nsenter', `--mount=/proc/${service.child.pid}/ns/mnt`, 'rm', `${stateDir}/ballast`)
  await until('it forwards', () => ipForward() === '1')
  assert.equal(await service.stop('SIGTERM'), 0)
  assert.equal(ipForward(), '0')
})
