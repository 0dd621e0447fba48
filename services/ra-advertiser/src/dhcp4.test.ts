import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { ASKS_108, DISCOVER, frame } from './testkit/dhcp4-frame.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, natsWith, siteOf } from './testkit/gateway-lab.ts'
import { until } from './testkit/until.ts'

/** RFC 8925 on the wire: a host in its own namespace, tcpdump as the judge of what the gateway sends. */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { host } = lab
afterEach(async () => await lab.killAll())
after(async () => await lab.close())

const tell = async (waitS: number | undefined): Promise<string> => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf(waitS === undefined ? {} : { ipv6OnlyWaitS: waitS }))
  try {
    const { health } = lab.start(nats, 'a')
    await until('state ok', () => health().state === 'ok')
    const dump = host.spawn('tcpdump', ['-lnvvi', 'eth0', 'udp port 67 or udp port 68'])
    await dump.waitFor(/listening on eth0/)
    const port = new EthernetPort('br0')
    // The first does not ask for it, the second does.
    for (const asked of ['37 02 01 03', ASKS_108]) port.send(frame(`${DISCOVER} ${asked} ff`))
    port.close()
    await dump.waitFor(/Request[^]*Request/)
    if (waitS !== undefined) await dump.waitFor(/Reply[^]*\(108\), length 4[^\n]*\n/)
    else await host.run('ping', '-6', '-c', '2', '-W', '2', 'fd00:1:2:3::1')
    await dump.stop('SIGTERM')
    return dump.output.stdout
  } finally {
    await lab.killAll()
    await nats[Symbol.asyncDispose]()
  }
}

test('a host that asks is told to leave IPv4 alone, one that does not ask is not', { skip }, async () => {
  const seen = await tell(1800)
  assert.equal(seen.match(/BOOTP\/DHCP, Reply/g)?.length, 1, seen)
  assert.match(seen, /DHCP-Message[^\n]*Offer/)
  assert.match(seen, /\(108\), length 4: 1800/)
  assert.doesNotMatch(seen, /Your-IP/)
})

test('off by default: not a word', { skip }, async () => {
  const seen = await tell(undefined)
  assert.equal(seen.match(/BOOTP\/DHCP, Request/g)?.length, 2, seen)
  assert.doesNotMatch(seen, /Reply/)
})
