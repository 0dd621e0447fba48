import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { converged, instancesOf, siteStatus } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until } from '../harness/until.ts'

/** What an owner can leave out of the compose file, and what the service has to name. */
const CASES = [
  { service: 'nat64', what: 'NET_ADMIN', override: 'cap_add: !reset []', says: /NET_ADMIN/ },
  { service: 'nat64', what: '/dev/net/tun', override: 'devices: !reset []', says: /\/dev\/net\/tun/ },
  { service: 'ra-advertiser', what: 'NET_RAW', override: 'cap_add: !override [NET_ADMIN]', says: /NET_RAW/ },
  { service: 'nat44-firewall', what: 'NET_ADMIN', override: 'cap_add: !reset []', says: /NET_ADMIN/ },
  { service: 'dns64', what: 'NET_BIND_SERVICE', override: 'cap_add: !reset []', says: /NET_BIND_SERVICE/ },
] as const

/** A service without what it needs: it stays up, is degraded, and says what is missing. */
export function privilegeSuite({ home, stack }: SiteUnderTest): void {
  describe('a compose file that leaves something out', () => {
    for (const { service, what, override, says } of CASES) {
      it(`${service} without ${what}: degraded, and it says so; with it again, all is well`, async () => {
        const file = join(home.siteDir, 'override.yml')
        await writeFile(file, `services:\n  ${service}:\n    ${override}\n`)
        try {
          await stack.compose(['-f', file, 'up', '-d', '--no-deps', service])
          const problems = await until(`${service} is degraded`, 30, async () => {
            const [instance] = instancesOf(await siteStatus(stack), service)
            return instance?.state === 'degraded'
              ? instance.problems.map(({ message }) => message).join('\n')
              : undefined
          })
          assert.match(problems, says)
          const running = await stack.compose(['ps', '--status', 'running', '--services'])
          assert.ok(running.split('\n').includes(service), 'it stays up')
        } finally {
          await stack.compose(['up', '-d', '--no-deps', service])
          await rm(file)
        }
        await converged(stack)
      })
    }
  })
}
