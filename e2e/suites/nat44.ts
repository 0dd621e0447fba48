import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { capture } from '../harness/capture.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { UNREACHABLE_ADDRESS, WAN_ADDRESS, WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'

/** NAT44 seen on the wire: nothing but the Pi's one IPv4 address ever leaves it. */
export function nat44Suite({ home }: SiteUnderTest): void {
  describe('on the WAN cable', () => {
    it('every IPv4 packet from the Pi has its WAN address, ICMP errors included', async () => {
      const watch = await capture(home.ispNetns, 'wan0', 'in', 'ip')
      const { client } = home
      await home.forgetPathMtu()
      await client.type(`ping6 -n -c 2 -i 0.2 ${mapped(WEB_ADDRESSES[0])}; curl -s http://www.example/`)
      await client.type(`dig +short www.example AAAA; ping6 -n -c 1 -W 1 ${mapped(UNREACHABLE_ADDRESS)}`)
      await client.type('head -c 3000 /dev/zero | socat -t 1 - UDP6:echo.example:7')
      // A server's datagram that is too big for the LAN makes nat64 send an ICMP error outwards.
      await client.type('echo | socat -t 1 - UDP6:echo.example:19')
      const packets = await watch.stop()
      assert.ok(packets.length >= 12, `only ${packets.length} packets`)
      assert.ok(
        packets.some((packet) => packet.includes('need to frag')),
        'the ICMP error is among them',
      )
      assert.deepEqual(
        packets.filter((packet) => !packet.includes(` IP ${WAN_ADDRESS}`)),
        [],
      )
    })

    it('no IPv6 of the LAN leaks out', async () => {
      const watch = await capture(home.ispNetns, 'wan0', 'in', 'ip6 and not src net fe80::/10 and not src host ::')
      await home.client.type(`ping6 -n -c 2 -i 0.2 www.example; ping6 -n -c 1 -W 1 2001:db8:80::80`)
      assert.deepEqual(await watch.stop(), [])
    })
  })
}
