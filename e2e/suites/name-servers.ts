import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { after, describe, it } from 'node:test'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until, untilTrue } from '../harness/until.ts'
import { DNS_ADDRESS } from '../topologies/home.ts'

/** Nobody has this address: it is only named. */
const ANOTHER = '198.51.100.99'

/** Whom dns64 asks: `upstreams: auto` in a container, and a validating resolver beside it. */
export function nameServerSuite({ home, stack }: SiteUnderTest): void {
  /** As DHCP clients do: another file in its place. */
  const replaceResolvConf = async (servers: readonly string[]) => {
    await writeFile(`${home.resolvConf}.new`, servers.map((server) => `nameserver ${server}\n`).join(''))
    await rename(`${home.resolvConf}.new`, home.resolvConf)
  }
  const explained = async () => (await stack.sixgate(['dns', 'explain', 'www.example'])).stdout
  const asks = (servers: readonly string[]) =>
    until(`dns64 asks ${servers.join(', ')}`, 20, async () => {
      const text = await explained()
      return text.includes(`upstreams: ${servers.map((server) => `${server}#53`).join(', ')}`) ? text : undefined
    })

  describe("the uplink's name servers change", () => {
    after(() => replaceResolvConf([DNS_ADDRESS]))

    it('dns64 asks those that the Pi was given, and follows the file when another takes its place', async () => {
      await asks([DNS_ADDRESS])
      await replaceResolvConf([DNS_ADDRESS, ANOTHER])
      await asks([DNS_ADDRESS, ANOTHER])
      assert.match((await home.client.type('dig +short www.example AAAA')).output, /64:ff9b::/)
      await replaceResolvConf([DNS_ADDRESS])
      await asks([DNS_ADDRESS])
    })
  })

  describe('docker compose --profile validate', () => {
    after(() => stack.compose(['--profile', 'validate', 'rm', '--stop', '--force', 'validator']))

    it('starts unbound without capabilities, on loopback only, and it answers', async () => {
      await stack.compose(['--profile', 'validate', 'up', '--detach', '--no-deps', 'validator'])
      // A name that it knows by itself (RFC 6761 §6.3): the root servers are not in this internet.
      await untilTrue('the validator answers on 127.0.0.1:5335', 20, async () => {
        const { output } = await home.pi.type('dig +time=1 +tries=1 -p 5335 @127.0.0.1 localhost A +short')
        return output.trim() === '127.0.0.1'
      })
      const { output } = await home.pi.type('ss -Hlnu sport = :5335')
      assert.deepEqual(
        output.split('\n').flatMap((line) => /\S+:5335(?= )/.exec(line) ?? []),
        ['127.0.0.1:5335'],
      )
    })
  })
}
