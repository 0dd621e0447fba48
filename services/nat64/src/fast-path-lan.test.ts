/** The fast path at the LAN in the whole service; see testkit/gateway-lab.ts for the picture. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { GatewayLab, labSite, SERVER_PORT, SERVER_SEEN } from './testkit/gateway-lab.ts'

const AT_LAN = { more: '  fastPath: lan\n' }

/** Sends datagrams of one flow, each after the echo of the one before; prints how many echoes were right. */
const TALK = `
const [host, port, count] = process.argv.slice(1)
const socket = require('node:dgram').createSocket('udp6')
let [index, right] = [0, 0]
let sent
const next = () => {
  if (index === Number(count)) { console.log(right); socket.close(); return }
  sent = Buffer.alloc(1 + (index * 37) % 1400, index++)
  socket.send(sent, Number(port), host)
}
socket.on('message', (message) => { if (message.equals(sent)) right++; next() })
next()
`

/** Ids of the programs at a link's ingress and egress. */
const programs = (lab: GatewayLab, link = 'lan0'): string[] =>
  ['ingress', 'egress'].flatMap((hook) =>
    Array.from(
      lab.gateway
        .runSync('tc', 'filter', 'show', 'dev', link, hook)
        .stdout.matchAll(/sixgate-nat64-lan\S* .* id (\d+) /g),
      ([, id = '']) => id,
    ),
  )

/** IPv6 packets that the gateway forwarded: what goes past the IPv6 side of the stack is not among them. */
const forwarded = (lab: GatewayLab): number =>
  Number(/Ip6OutForwDatagrams\s+(\d+)/.exec(lab.gateway.sh('cat', '/proc/self/net/snmp6'))?.[1] ?? assert.fail())

/** Of so many exchanges both packets may take the short way, but for the first ones and one each second. */
const assertShort = (count: number, forwardedPackets: number): void => {
  assert.ok(forwardedPackets < count / 3, `${forwardedPackets} packets of ${count} exchanges were forwarded`)
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50))
}

test('ping and UDP of known flows go past the IPv6 side of the stack, and arrive as they should', async (t) => {
  await using lab = await GatewayLab.make(labSite(AT_LAN))
  const service = await lab.start()
  await service.waitFor(/"link":"lan0","msg":"fast path: at this LAN, too"/)
  await lab.serve()
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  await service.waitFor(/"msg":"mapping"/)

  await t.test('ping', async () => {
    const before = forwarded(lab)
    assert.equal(await lab.ping(SERVER_SEEN, '-c', '300'), 300)
    assertShort(300, forwarded(lab) - before)
  })

  for (const offload of ['on', 'off'] as const)
    await t.test(`UDP, checksums verified at the far ends, offloads ${offload}; TCP is whole`, async () => {
      lab.setOffloads(offload)
      const before = forwarded(lab)
      const { stdout } = await lab.client.run(process.execPath, '-e', TALK, SERVER_SEEN, String(SERVER_PORT), '500')
      assert.equal(stdout, '500\n')
      assertShort(500, forwarded(lab) - before)
      const { sha256, peer } = await lab.traffic('tcp', 'up', 4 * 1024 * 1024)
      assert.equal(sha256, peer)
      assert.equal(/UdpInCsumErrors\s+(\d+)/.exec(lab.server.sh('nstat', '-asz', 'UdpInCsumErrors'))?.[1], '0')
      assert.equal(/Udp6InCsumErrors\s+(\d+)/.exec(lab.client.sh('nstat', '-asz', 'Udp6InCsumErrors'))?.[1], '0')
    })

  await t.test('hosts count what went the short way, and the TUN still answers what is unusual', async () => {
    assert.deepEqual(await lab.traffic('udp', 4000), { echoed: true })
    assert.match((await lab.client.run('ping', '-n', '-c1', '-t2', '-W5', SERVER_SEEN)).stdout, /Time exceeded/)
    assert.match((await lab.client.run('ping', '-n', '-c1', '-t1', '-W5', SERVER_SEEN)).stdout, /Time exceeded/)
  })
})

test('killed and started again, under ping: none is lost, one pair of programs in the place of the other', async () => {
  await using lab = await GatewayLab.make(labSite(AT_LAN))
  const first = await lab.start()
  await first.waitFor(/fast path: at this LAN, too/)
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  await first.waitFor(/"msg":"mapping"/)
  const before = programs(lab)
  const pinging = lab.client.spawn('ping', ['-n', '-i0.01', '-c400', '-W2', SERVER_SEEN])
  await pinging.waitFor(/icmp_seq=50 /)
  await first.stop('SIGKILL')
  assert.deepEqual(programs(lab), before)
  await pinging.waitFor(/icmp_seq=150 /)
  const second = await lab.start()
  await second.waitFor(/fast path: at this LAN, too/)
  assert.equal(await pinging.ended, 0)
  assert.match(pinging.output.stdout, /400 received, 0% packet loss/)
  const after = programs(lab)
  assert.equal(after.length, 2)
  assert.ok(!after.some((id) => before.includes(id)), `${before.join(' ')} → ${after.join(' ')}`)

  // SIGTERM without NATS is the end of it.
  await second.stop('SIGTERM')
  assert.deepEqual(programs(lab), [])
  assert.doesNotMatch(lab.gateway.sh('tc', 'qdisc', 'show', 'dev', 'lan0'), /clsact/)
})

test('documents: auto takes it away, a block too, off as well; lan brings it back', async () => {
  await using lab = await GatewayLab.make(labSite(AT_LAN))
  const service = await lab.start()
  await service.waitFor(/fast path: at this LAN, too/)
  const apply = async (revision: number, site: string): Promise<void> => {
    lab.write(site)
    await service.waitFor(new RegExp(`"revision":${revision},"msg":"document in force"`))
  }
  await apply(2, labSite())
  assert.deepEqual(programs(lab), [])
  await apply(3, labSite(AT_LAN))
  assert.equal(programs(lab).length, 2)
  await apply(4, `${labSite(AT_LAN)}firewall: { blocks: [{ host: "00:00:5e:00:53:01" }] }\n`)
  assert.deepEqual(programs(lab), [])
  await apply(5, labSite(AT_LAN))
  assert.equal(programs(lab).length, 2)
  await apply(6, labSite({ more: '  fastPath: off\n' }))
  assert.deepEqual(programs(lab), [])
  assert.doesNotMatch(lab.gateway.sh('tc', 'qdisc', 'show', 'dev', 'lan0'), /clsact/)
})

test('a link that is made anew gets it, and the short way follows a TUN that is made anew', async () => {
  await using lab = await GatewayLab.make(labSite(AT_LAN))
  const service = await lab.start()
  await service.waitFor(/fast path: at this LAN, too/)
  lab.gateway.ip('link delete lan0')
  await service.waitFor(/not at this LAN \(there is no such link\)/)
  lab.lab.cable(
    { in: lab.client, name: 'eth0', addresses: ['fd00:6:4::10/64'] },
    { in: lab.gateway, name: 'lan0', addresses: ['fd00:6:4::1/64'] },
  )
  lab.client.ip('-6 route add default via fd00:6:4::1')
  await until(() => programs(lab).length === 2)

  lab.gateway.ip('link delete nat64')
  await service.waitFor(/data plane is up[^]*data plane is up/)
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  const before = forwarded(lab)
  assert.equal(await lab.ping(SERVER_SEEN, '-c', '300'), 300)
  assertShort(300, forwarded(lab) - before)
})

test('without CAP_BPF: what an earlier process left at the LAN is removed', async () => {
  await using lab = await GatewayLab.make(labSite(AT_LAN))
  const first = await lab.start()
  await first.waitFor(/fast path: at this LAN, too/)
  await first.stop('SIGKILL')
  assert.equal(programs(lab).length, 2)
  const caps = '-bpf,-sys_admin'
  const service = lab.spawn({}, ['setpriv', '--bounding-set', caps, '--inh-caps', caps])
  await service.waitFor(/fast path: off/)
  await service.waitFor(/state: ok/)
  assert.deepEqual(programs(lab), [])
})

const NO_VLANS = 'this kernel has no 802.1q'
const skipVlan = enterNamespace()
const cannotTag = (): string | false => {
  const here = Namespace.here()
  here.ip('link add trunk type veth peer name trunk-host')
  const { status } = here.runSync('ip', 'link', 'add', 'link', 'trunk', 'name', 'trunk.2', 'type', 'vlan', 'id', '2')
  here.ip('link delete trunk')
  return status === 0 ? false : NO_VLANS
}

test('a LAN that is a VLAN', { skip: skipVlan === false ? cannotTag() : skipVlan }, async () => {
  await using lab = await GatewayLab.make(labSite(AT_LAN).replace('interface: lan0,', 'interface: lan0, vlan: 2,'))
  for (const [where, link, address] of [
    [lab.client, 'eth0', 'fd00:6:4::10/64'],
    [lab.gateway, 'lan0', 'fd00:6:4::1/64'],
  ] as const) {
    where.ip(`address flush dev ${link} scope global`)
    where.ip(`link add link ${link} name ${link}.2 type vlan id 2`)
    where.ip(`address add ${address} dev ${link}.2 nodad`)
    where.ip(`link set ${link}.2 up`)
    where.waitUp(`${link}.2`)
  }
  lab.client.ip('-6 route replace default via fd00:6:4::1 dev eth0.2')
  const service = await lab.start()
  await service.waitFor(/"link":"lan0\.2","msg":"fast path: at this LAN, too"/)
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  await service.waitFor(/"msg":"mapping"/)
  assert.deepEqual([programs(lab).length, programs(lab, 'lan0.2').length], [0, 2])
  const before = forwarded(lab)
  assert.equal(await lab.ping(SERVER_SEEN, '-c', '300'), 300)
  assertShort(300, forwarded(lab) - before)
})
