import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import {
  ECHO_ADDRESS,
  PROHIBITED_ADDRESS,
  SPEED_ADDRESS,
  UNREACHABLE_ADDRESS,
  WAN_ADDRESS,
} from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { iperfReceiver } from '../transcript/parse.ts'

const FILE_BYTES = 64 * 1024 * 1024
const TUNNEL_MTU = 1400

/** Packet sizes and errors on the way: what a path that is not perfect does to a client. */
export function pathSuite({ home }: SiteUnderTest): void {
  const { client, internet } = home

  describe('an internet link with a smaller MTU', () => {
    after(async () => {
      await home.setPathMtu(1500)
      await home.forgetPathMtu()
    })

    it(`learns by Packet Too Big that the path carries ${TUNNEL_MTU} + 20 bytes (RFC 7915 §4.2)`, async () => {
      await home.setPathMtu(TUNNEL_MTU)
      const upload = await client.type('iperf3 -i 0 -t 1 -c speed.example')
      assert.equal(upload.code, 0, upload.output)
      assert.ok((iperfReceiver(upload.output)?.mbitPerS ?? 0) > 1, upload.output)
      const route = await client.type(`ip -6 route get ${mapped(SPEED_ADDRESS)}`)
      assert.match(route.output, new RegExp(` mtu ${TUNNEL_MTU + 20}\\b`))
    })

    it('a large download comes through whole', async () => {
      const { output } = await client.type(
        `curl -sS -m 30 -o /dev/null -w '%{http_code} %{size_download}' http://www.example/64M`,
      )
      assert.equal(output, `200 ${FILE_BYTES}`)
    })
  })

  it('a server that sends 1500-byte packets learns by Fragmentation Needed that 1480 fit (RFC 7915 §5.2)', async () => {
    await home.forgetPathMtu()
    const ask = `echo | socat -t 1 - UDP6:[${mapped(ECHO_ADDRESS)}]:19`
    await client.type(ask)
    const route = await internet.type(`ip route get ${WAN_ADDRESS} from ${ECHO_ADDRESS}`)
    assert.match(route.output, /\bmtu 1480\b/)
    const { output } = await client.type(`${ask} | wc -c`)
    assert.equal(output.trim(), '1472', 'the second answer comes, in fragments')
  })

  it('datagrams of 3000 bytes go and come in fragments (RFC 7915 §4, §5.1.1)', async () => {
    const { output } = await client.type(
      'head -c 3000 /dev/urandom >/tmp/sent; socat -t 2 - UDP6:echo.example:7 </tmp/sent | cmp - /tmp/sent && echo same',
    )
    assert.equal(output, 'same\n')
  })

  it('a closed TCP port refuses at once', async () => {
    const start = performance.now()
    const { output } = await client.type('socat - TCP6:www.example:81')
    assert.match(output, /Connection refused/)
    assert.ok(performance.now() - start < 2000, 'before a second attempt could be made')
  })

  it('a closed UDP port: ICMP 3/3 arrives as ICMPv6 1/4', async () => {
    const { output } = await client.type(`echo | socat -t 2 - UDP6:[${mapped(ECHO_ADDRESS)}]:9`)
    assert.match(output, /Connection refused/)
  })

  it('an unreachable host: ICMP 3/1 arrives as ICMPv6 1/0', async () => {
    const { output } = await client.type(`ping6 -n -c 2 -i 0.2 -W 1 ${mapped(UNREACHABLE_ADDRESS)}`)
    assert.match(output, new RegExp(`From ${mapped('192.0.2.2')} icmp_seq=\\d Destination unreachable: No route`))
  })

  it('a prohibited host: ICMP 3/13 arrives as ICMPv6 1/1', async () => {
    const { output } = await client.type(`ping6 -n -c 2 -i 0.2 -W 1 ${mapped(PROHIBITED_ADDRESS)}`)
    assert.match(output, /Destination unreachable: Administratively prohibited/)
  })
}
