/** nat64 as a process, in a small network of namespaces; see testkit/gateway-lab.ts for the picture. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from './testkit/eventually.ts'
import { GatewayLab, labSite, SERVER_PORT, SERVER_SEEN } from './testkit/gateway-lab.ts'

const MIB = 1024 * 1024

test('traffic of all kinds', async (t) => {
  await using lab = await GatewayLab.make()
  const service = await lab.start()
  await lab.serve()

  await t.test('ping, from nothing to a full packet', async () => {
    for (const size of ['0', '1', '56', '1000', '1452']) assert.equal(await lab.ping(SERVER_SEEN, '-s', size), 1, size)
  })

  for (const offload of ['on', 'off'] as const) {
    await t.test(`TCP both ways, offloads ${offload}: what arrives is what was sent`, async () => {
      lab.setOffloads(offload)
      for (const direction of ['up', 'down']) {
        const { sha256, peer } = await lab.traffic('tcp', direction, 24 * MIB)
        assert.equal(sha256, peer, direction)
      }
    })
  }

  await t.test('UDP, from nothing to fragments both ways', async () => {
    for (const size of [0, 1, 1200, 1452, 4000, 30_000])
      assert.deepEqual(await lab.traffic('udp', size), { echoed: true }, String(size))
  })

  await t.test('an ICMP error reaches the socket: port unreachable', async () => {
    assert.deepEqual(await lab.trafficTo(SERVER_SEEN, SERVER_PORT + 1, 'udp', 10), { error: 'ECONNREFUSED' })
  })

  await t.test('path MTU: fragmentation needed becomes packet too big, and TCP goes on', async () => {
    lab.gateway.ip('link set wan0 mtu 1400')
    const { stdout } = await lab.client.run('ping', '-n', '-c1', '-W2', '-M', 'do', '-s', '1452', SERVER_SEEN)
    assert.match(stdout, /Packet too big: mtu=1420/)
    for (const direction of ['up', 'down']) {
      const { sha256, peer } = await lab.traffic('tcp', direction, 4 * MIB)
      assert.equal(sha256, peer, direction)
    }
    lab.gateway.ip('link set wan0 mtu 1500')
  })

  await t.test('path MTU: packet too big becomes fragmentation needed', async () => {
    lab.gateway.ip('link set lan0 mtu 1380')
    lab.client.ip('link set eth0 mtu 1380')
    const [, pool = ''] = await service.waitFor(/"host":"fd00:6:4::10","ip4":"([0-9.]+)"/)
    const { stdout } = await lab.server.run('ping', '-n', '-c1', '-W2', '-M', 'do', '-s', '1472', pool)
    assert.match(stdout, /Frag needed and DF set \(mtu = 1360\)/)
    const { sha256, peer } = await lab.traffic('tcp', 'down', 4 * MIB)
    assert.equal(sha256, peer)
  })

  await t.test('traceroute shows the translator both ways', async () => {
    const from6 = await lab.client.run('traceroute', '-6', '-n', '-q1', SERVER_SEEN)
    assert.deepEqual(hopsOf(from6.stdout), ['fd00:6:4::1', 'fd00:6:4::1', 'fd00:6:4::1', '64:ff9b::cb00:7102'])
    const [, pool = ''] = await service.waitFor(/"host":"fd00:6:4::10","ip4":"([0-9.]+)"/)
    const from4 = await lab.server.run('traceroute', '-n', '-q1', pool)
    // Third hop: the kernel behind the translator; it answers from IPv6, and the translator's address stands for it (RFC 6791).
    assert.deepEqual(hopsOf(from4.stdout), ['203.0.113.1', '198.18.0.1', '198.18.0.1', pool])
  })

  await t.test("the translator's own address answers, a free pool address is unreachable", async () => {
    assert.equal(await lab.ping('64:ff9b::198.18.0.1'), 1)
    const { stdout } = await lab.client.run('ping', '-n', '-c1', '-W2', '64:ff9b::198.18.0.200')
    assert.match(stdout, /Destination unreachable: No route/)
  })

  await t.test("the gateway's own IPv4 addresses are never translated to, also new ones", async () => {
    assert.match(
      (await lab.client.run('ping', '-n', '-c1', '-W2', '64:ff9b::203.0.113.1')).stdout,
      /Administratively prohibited/,
    )
  })

  await t.test('two hosts of the site reach each other through pref64', async () => {
    lab.client.ip('address add fd00:6:4::11/64 dev eth0 nodad')
    assert.equal(await lab.ping(SERVER_SEEN, '-I', 'fd00:6:4::11'), 1)
    const [, second] = await service.waitFor(/"host":"fd00:6:4::11","ip4":"([0-9.]+)"/)
    assert.equal(await lab.ping(`64:ff9b::${second}`, '-I', 'fd00:6:4::10'), 1)
  })
})

const hopsOf = (traceroute: string): string[] =>
  traceroute
    .split('\n')
    .slice(1)
    .flatMap((line) => /^ *\d+ +(\S+)/.exec(line)?.[1] ?? [])

test('restarts lose no mapping and leave TUN and routes in place', async () => {
  await using lab = await GatewayLab.make()
  const first = await lab.start({ ON_STOP: 'keep' })
  await lab.serve()
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  await first.waitFor(/"msg":"mapping"/)
  assert.equal(await first.stop('SIGTERM'), 0)
  const journal = readFileSync(join(lab.stateDir, 'hosts.0.journal'), 'utf8')
  const address = /\+ (\S+) fd00:6:4::10/.exec(journal)?.[1] ?? assert.fail(journal)
  assert.match(lab.gateway.ip('link show nat64'), /nat64: .*UP/)
  assert.match(lab.gateway.ip('-6 route'), /64:ff9b::\/96 dev nat64/)
  assert.match(lab.gateway.ip('route'), /198\.18\.0\.0\/24 dev nat64/)

  const second = await lab.start({ ON_STOP: 'keep' })
  assert.equal(
    (await lab.server.run('ping', '-n', '-c1', '-W2', address)).status,
    0,
    'from outside, before the host speaks',
  )
  await second.stop('SIGKILL')
  assert.match(lab.gateway.ip('-6 route'), /64:ff9b::\/96 dev nat64/)

  const third = await lab.start()
  assert.equal((await lab.server.run('ping', '-n', '-c1', '-W2', address)).status, 0, 'after SIGKILL')
  assert.equal(await third.stop('SIGTERM'), 0)
  assert.equal(lab.gateway.runSync('ip', 'link', 'show', 'nat64').status, 1, 'SITE=file: SIGTERM removes')
  assert.doesNotMatch(lab.gateway.ip('-6 route') + lab.gateway.ip('route'), /nat64/)
})

/** Pings until an answer comes: for what takes an unknown time and has no other sign. */
const untilAnswered = async (lab: GatewayLab): Promise<void> => {
  const { status, stdout } = await lab.client.run('ping', '-n', '-c1', '-w20', '-i0.05', SERVER_SEEN)
  assert.equal(status, 0, stdout)
}

/** Link, address and routes of the TUN are as they should be. */
const isComplete = (lab: GatewayLab): boolean =>
  /UP.* mtu 1500[^]*inet 198\.18\.0\.0\/32/.test(lab.gateway.ip('address show nat64')) &&
  /198\.18\.0\.0\/24 dev nat64/.test(lab.gateway.ip('route')) &&
  /64:ff9b::\/96 dev nat64/.test(lab.gateway.ip('-6 route'))

test('what somebody removes comes back', async (t) => {
  await using lab = await GatewayLab.make()
  const service = await lab.start()
  await lab.serve()
  await untilAnswered(lab)
  for (const [what, ...commands] of [
    ['a route', '-6 route del 64:ff9b::/96 dev nat64'],
    ['the pool route', 'route del 198.18.0.0/24 dev nat64'],
    ['link down', 'link set nat64 down'],
    ['an MTU', 'link set nat64 mtu 1300'],
    ['the address', 'address del 198.18.0.0/32 dev nat64'],
  ] as const)
    await t.test(what, async () => {
      for (const command of commands) lab.gateway.ip(command)
      await eventually(() => isComplete(lab), what)
      await untilAnswered(lab)
    })
  await t.test('the device', async () => {
    lab.gateway.ip('link delete nat64')
    await service.waitFor(/data plane is up[^]*data plane is up/)
    await untilAnswered(lab)
  })
})

test('a new document takes effect without a restart', async () => {
  await using lab = await GatewayLab.make()
  const service = await lab.start()
  await lab.serve()
  await untilAnswered(lab)
  const pinging = lab.client.spawn('ping', ['-n', '-i0.01', '-c300', '-W2', SERVER_SEEN])
  await pinging.waitFor(/icmp_seq=20 /)
  // Another pool is added and the MTU changes: nothing of that may cost a packet.
  lab.write(labSite({ pool4: '198.18.0.0/24, 198.19.0.0/24', more: '  mtu: 1400\n' }))
  await service.waitFor(/"revision":2,"msg":"document in force"/)
  assert.equal(await pinging.ended, 0)
  assert.match(pinging.output.stdout, /300 received, 0% packet loss/)
  assert.match(lab.gateway.ip('route'), /198\.19\.0\.0\/24 dev nat64/)

  // The first pool goes: its hosts get addresses of the other.
  lab.write(labSite({ pool4: '198.19.0.0/24', pref64: '"2001:db8:64::/96"' }))
  await service.waitFor(/"revision":3,"msg":"document in force"/)
  assert.doesNotMatch(lab.gateway.ip('route') + lab.gateway.ip('-6 route'), /198\.18\.0\.0|64:ff9b/)
  assert.equal(await lab.ping('2001:db8:64::203.0.113.2'), 1)
  assert.match(service.output.stdout, /mapping ends: pool4 or pref64 changed/)
})

test('what is missing is named, with the way to mend it; nat64 stays up', async (t) => {
  await t.test('no NET_ADMIN', async () => {
    await using lab = await GatewayLab.make()
    const service = lab.spawn({}, ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'])
    await service.waitFor(
      /TUN nat64: needs the capability NET_ADMIN \(docker-compose.yml, service nat64: `cap_add: \[NET_ADMIN\]`\)/,
    )
    await service.waitFor(/"state":"degraded"/)
  })

  await t.test('no /dev/net/tun', async () => {
    await using lab = await GatewayLab.make()
    const service = lab.spawn({}, ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$@"', 'sh'])
    await service.waitFor(
      /\/dev\/net\/tun is not there: give the container the device \(docker-compose.yml, service nat64: `devices: \[\/dev\/net\/tun\]`\)/,
    )
    await service.waitFor(/"state":"degraded"/)
  })

  await t.test('a link of that name which is no TUN of ours, until it is removed', async () => {
    await using lab = await GatewayLab.make()
    lab.gateway.ip('tuntap add dev nat64 mode tun')
    const service = lab.spawn()
    await service.waitFor(
      /link nat64 was made by another program, not as a multi-queue TUN: remove it with \\"ip link delete nat64\\"/,
    )
    lab.gateway.ip('link delete nat64')
    await service.waitFor(/data plane is up/)
    await service.waitFor(/state: ok/)
  })

  await t.test("a route of somebody else's in the way", async () => {
    await using lab = await GatewayLab.make()
    lab.gateway.ip('route add 198.18.0.0/24 dev wan0')
    const service = lab.spawn()
    await service.waitFor(
      /add route 198\.18\.0\.0\/24 on nat64: there is another route.*wan0.*remove that route, or choose another prefix/,
    )
    lab.gateway.ip('route del 198.18.0.0/24 dev wan0')
    await service.waitFor(/state: ok/)
  })

  await t.test('a used-up pool: the host is told, and nat64 is degraded', async () => {
    await using lab = await GatewayLab.make(labSite({ pool4: '198.18.0.0/29' }))
    const service = await lab.start()
    await lab.serve()
    lab.client.ip('address add fd00:6:4::11/64 dev eth0 nodad')
    const hosts = ['fd00:6:4::20', 'fd00:6:4::21', 'fd00:6:4::22', 'fd00:6:4::23', 'fd00:6:4::24']
    for (const host of hosts) lab.client.ip(`address add ${host}/64 dev eth0 nodad`)
    for (const host of hosts) assert.equal(await lab.ping(SERVER_SEEN, '-I', host), 1, host)
    const { stdout } = await lab.client.run('ping', '-n', '-c1', '-W2', '-I', 'fd00:6:4::11', SERVER_SEEN)
    assert.match(stdout, /Destination unreachable: Address unreachable/)
    await service.waitFor(/nat64.pool4 has no free address/)
    await service.waitFor(/"state":"degraded"/)
  })
})

test('a damaged journal is reported and the rest of it used', async () => {
  await using lab = await GatewayLab.make()
  const first = await lab.start({ ON_STOP: 'keep' })
  await lab.serve()
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  await first.stop('SIGTERM')
  const file = join(lab.stateDir, 'hosts.0.journal')
  const good = readFileSync(file, 'utf8')
  lab.gateway.sh(
    'sh',
    '-c',
    `printf '\\000\\377garbage\\n+ 198.18.0.9 nonsense\\n' >> ${file}; printf '+ 198.18.0.77 fd00' >> ${file}`,
  )
  const second = await lab.start()
  await second.waitFor(/2 lines cannot be read and are left out; it is kept as .*hosts\.0\.journal\.corrupt/)
  const address = /\+ (\S+) /.exec(good)?.[1] ?? assert.fail(good)
  assert.equal((await lab.server.run('ping', '-n', '-c1', '-W2', address)).status, 0)
})
