import assert from 'node:assert/strict'
import type { Namespace } from '@sixgate/testkit'
import { until } from './until.ts'

/** Milliseconds for each of three tries: far more than an answer takes (RFC 4861 §6.2.6: 0.5 s, 3 s after the message before). */
const WAIT_MS = 10_000

/**
 * What `rdisc6` prints of the router that answers a host on its link `eth0`. A host can ask only when its link-local address has passed duplicate
 * address detection, so that is awaited.
 */
export const solicit = async (host: Namespace): Promise<string> => {
  await until('a link-local address that is not tentative', () => {
    const addresses = host.ip('-6 address show dev eth0 scope link')
    return addresses.includes('inet6 fe80::') && !addresses.includes('tentative')
  })
  const { status, stdout, stderr } = await host.run('rdisc6', '-1', '-w', String(WAIT_MS), 'eth0')
  assert.equal(status, 0, `rdisc6: ${stdout}${stderr}`)
  return stdout
}
