/*
 * The real docker-compose.yml in the simulated site (topologies/home.ts), brought up once for all suites.
 * The order matters: the last suite takes the site down.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { formatIp6, formatPrefix } from '@sixgate/addr'
import { readSite } from '@sixgate/site'
import { netnsState, stateDifference } from './harness/netns-state.ts'
import { ROOT } from './harness/engine.ts'
import { bringUp } from './harness/site-under-test.ts'
import type { Stack } from './harness/stack.ts'
import { documentSuite } from './suites/document.ts'
import { downSuite } from './suites/down.ts'
import { firewallSuite } from './suites/firewall.ts'
import { fastPathSuite } from './suites/fast-path.ts'
import { ftpSuite } from './suites/ftp.ts'
import { inboundSuite } from './suites/inbound.ts'
import { linkSuite } from './suites/link.ts'
import { metricsSuite } from './suites/metrics.ts'
import { nameServerSuite } from './suites/name-servers.ts'
import { nat44Suite } from './suites/nat44.ts'
import { pageSuite } from './suites/page.ts'
import { pathSuite } from './suites/path.ts'
import { privilegeSuite } from './suites/privileges.ts'
import { takeoverSuite } from './suites/ra-takeover.ts'
import { restartSuite } from './suites/restarts.ts'
import { scalingSuite } from './suites/scaling.ts'
import { transcriptSuite } from './suites/transcript.ts'
import { typelessSuite } from './suites/typeless.ts'
import { LAN_PREFIX, PREF64, ROUTER } from './transcript/facts.ts'

/** Where the services' logs of the last run are, for whoever has to explain a failure. */
const LOGS = join(ROOT, '.cache/e2e.log')

async function saveLogs(stack: Stack): Promise<void> {
  const { stdout } = await stack.tryCompose(['logs', '--no-color', '--timestamps'])
  await mkdir(dirname(LOGS), { recursive: true })
  await writeFile(LOGS, stdout)
}

const site = await bringUp()

describe('the simulated site', () => {
  after(() => site.home[Symbol.asyncDispose]())

  it('has the addresses that the checks expect', async () => {
    const { site: document } = await readSite(await site.readDocument(), 'site.yaml')
    assert.equal(formatPrefix(document.lan.prefix), LAN_PREFIX)
    assert.equal(formatIp6(document.lan.router), ROUTER)
    assert.deepEqual(
      document.pref64.map((prefix) => prefix.lenBits),
      [96],
    )
    assert.ok(PREF64.startsWith('64:ff9b::/'))
  })

  describe('transcript', () => transcriptSuite(site))
  describe('the images', () => typelessSuite(site))
  describe('NAT44', () => nat44Suite(site))
  describe('the path', () => pathSuite(site))
  describe('FTP', () => ftpSuite(site))
  describe('name servers', () => nameServerSuite(site))
  describe('unsolicited, from the WAN', () => inboundSuite(site))
  describe('firewall', () => firewallSuite(site))
  describe('the page of the console', () => pageSuite(site))
  describe('metrics', () => metricsSuite(site))
  describe('mistakes', () => {
    documentSuite(site)
    linkSuite(site)
    privilegeSuite(site)
  })
  describe('each service stopped and started', () => restartSuite(site))
  describe('several instances', () => takeoverSuite(site))
  describe('two instances of each service', () => scalingSuite(site))
  describe('fast path', () => fastPathSuite(site))
  describe('docker compose down', () => {
    before(() => saveLogs(site.stack)) // down removes the containers and their logs
    downSuite(site)
  })
})

describe("this machine's own network", () => {
  it('is as it was', async () => {
    assert.deepEqual(stateDifference(site.machineBefore, await netnsState({ pid: process.pid })), [])
  })
})
