import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { capture } from '../harness/capture.ts'
import { ip, setSysctl } from '../harness/netns.ts'
import { netnsPlace } from '../harness/place.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { WAN_ADDRESS } from '../topologies/home.ts'
import { inPrefix, LAN_PREFIX, mapped } from '../transcript/facts.ts'
import { addresses, pingCounts } from '../transcript/parse.ts'

/** What nobody asked for stays out: by default only ping reaches the Pi from its WAN side. */
export function inboundSuite({ home }: SiteUnderTest): void {
  const { internet, client } = home
  const isp = netnsPlace('isp', home.ispNetns, '/')

  it('the Pi answers ping (allowPingFromWan), so the way there is open', async () => {
    const { output } = await internet.type(`ping -n -c 2 -i 0.2 ${WAN_ADDRESS}`)
    assert.deepEqual(pingCounts(output), { sent: 2, received: 2 })
  })

  it('no DNS over UDP', async () => {
    const { output } = await internet.type(`dig +time=1 +tries=1 @${WAN_ADDRESS} www.example A`)
    assert.match(output, /no servers could be reached/)
  })

  describe('no TCP', () => {
    for (const [port, what] of [
      [53, 'DNS'],
      [4222, 'NATS'],
      [8222, 'NATS monitoring'],
      [8443, 'the console'],
    ] as const) {
      it(`to ${what}, port ${port}`, async () => {
        const { code, output } = await internet.type(
          `socat -u -T 1 OPEN:/dev/null TCP4:${WAN_ADDRESS}:${port},connect-timeout=1`,
        )
        assert.notEqual(code, 0)
        assert.match(output, /timed out|refused|prohibited/)
      })
    }

    it('to a server that somebody starts on the Pi', async () => {
      // The control comes first: the server is there, seen from the Pi itself.
      const server = `require("node:http").createServer((_, answer) => answer.end()).listen(8099, "${WAN_ADDRESS}")`
      const page = `http://${WAN_ADDRESS}:8099/`
      const { output } = await home.pi.type(
        `${process.execPath} -e '${server}' & server=$!
        until curl -s -o /dev/null ${page}; do kill -0 $server || exit; done; echo served
        nsenter --net=/run/netns/sixgate-isp curl -s -m 2 -o /dev/null ${page}; echo "code $?"
        kill $server`,
      )
      assert.match(output, /served\ncode (7|28)\n/)
    })
  })

  it('nothing to the pool addresses behind the translation', async () => {
    await ip(home.coreNetns, 'route add 198.18.0.0/15 via 192.0.2.1')
    await ip(home.ispNetns, `route add 198.18.0.0/15 via ${WAN_ADDRESS}`)
    // A mapping exists for the client, so 198.18.0.x leads to it.
    await client.type('ping6 -n -c 1 www.example')
    const lan = await capture(home.piNetns, 'lan0', 'out', 'ip6 and src net 64:ff9b::/96')
    const { output } = await internet.type('for i in 1 2 3 4; do ping -n -c 1 -W 1 198.18.0.$i & done; wait')
    await ip(home.coreNetns, 'route delete 198.18.0.0/15')
    await ip(home.ispNetns, 'route delete 198.18.0.0/15')
    assert.deepEqual(await lan.stop(), [])
    assert.doesNotMatch(output, /bytes from/)
  })

  describe('IPv6 from the WAN cable', () => {
    before(async () => {
      await setSysctl(home.ispNetns, 'ipv6/conf/wan0/disable_ipv6', 0)
      const [pi] = addresses((await home.pi.type('ip -6 address show dev eth0 scope link')).output)
      assert.ok(pi !== undefined)
      await ip(home.ispNetns, 'address add 2001:db8:bad::1/64 dev wan0 nodad')
      for (const target of [LAN_PREFIX, '64:ff9b::/96']) {
        await ip(home.ispNetns, `route add ${target} via ${pi.address} dev wan0`)
      }
    })
    after(() => setSysctl(home.ispNetns, 'ipv6/conf/wan0/disable_ipv6', 1))

    it('does not reach the client', async () => {
      const own = addresses((await client.type('ip -6 address show dev eth0 scope global')).output)
      const target = own.find(({ address }) => inPrefix(address, LAN_PREFIX))?.address
      const lan = await capture(home.piNetns, 'lan0', 'out', 'src net 2001:db8:bad::/64')
      await isp.type(`ping -6 -n -c 2 -i 0.2 -W 1 ${target}`)
      assert.deepEqual(await lan.stop(), [])
    })

    it('is not translated', async () => {
      const wan = await capture(home.ispNetns, 'wan0', 'in', 'ip and icmp')
      const { output } = await isp.type(`ping -6 -n -c 2 -i 0.2 -W 1 ${mapped('198.51.100.80')}`)
      assert.deepEqual(await wan.stop(), [])
      assert.doesNotMatch(output, /bytes from/)
    })
  })
}
