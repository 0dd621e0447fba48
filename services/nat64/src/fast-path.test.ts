/** The fast path in the whole service; see testkit/gateway-lab.ts for the picture. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { GatewayLab, labSite, SERVER_SEEN } from './testkit/gateway-lab.ts'

const MIB = 1024 * 1024
/** The kernel's own multicast listener reports, a second or so after the link came up (RFC 3810 §6.1). */
const REPORTS = 4

/** Packets that the kernel put into the TUN's queue: what the fast path carries is not among them. */
const queued = (lab: GatewayLab): number => {
  const [link] = JSON.parse(lab.gateway.ip('-j -s link show nat64')) as { stats64: { tx: { packets: number } } }[]
  return link?.stats64.tx.packets ?? assert.fail()
}

const programs = (lab: GatewayLab): string[] =>
  Array.from(
    lab.gateway.sh('tc', 'filter', 'show', 'dev', 'nat64', 'egress').matchAll(/ id (\d+) /g),
    ([, id = '']) => id,
  )

/** Until an answer comes: packets of a host without address wait 2 s for it, on an emulated machine that is not always enough. */
const speak = async (lab: GatewayLab): Promise<void> => {
  const { status, stdout } = await lab.client.run('ping', '-n', '-c1', '-w60', SERVER_SEEN)
  assert.equal(status, 0, stdout)
}

/** Looks every 50 ms until it holds; the test's own time limit ends it otherwise. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50))
}

test('the first packet goes through TypeScript, the rest through the kernel', async (t) => {
  await using lab = await GatewayLab.make()
  const service = await lab.start()
  await service.waitFor(/fast path: on/)
  await lab.serve()
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  await service.waitFor(/"msg":"mapping"/)

  await t.test('ping', async () => {
    const before = queued(lab)
    assert.equal(await lab.ping(SERVER_SEEN, '-c', '50'), 50)
    assert.ok(queued(lab) - before <= REPORTS)
  })

  for (const offload of ['on', 'off'] as const)
    await t.test(`TCP both ways, UDP, checksums verified at the far ends, offloads ${offload}`, async () => {
      lab.setOffloads(offload)
      const before = queued(lab)
      for (const direction of ['up', 'down']) {
        const { sha256, peer } = await lab.traffic('tcp', direction, 16 * MIB)
        assert.equal(sha256, peer, direction)
      }
      for (const size of [0, 1, 1200, 1452]) assert.deepEqual(await lab.traffic('udp', size), { echoed: true })
      assert.ok(queued(lab) - before <= REPORTS)
      for (const [where, name] of [
        [lab.client, 'Udp6InCsumErrors'],
        [lab.server, 'UdpInCsumErrors'],
        [lab.server, 'TcpInCsumErrors'],
      ] as const)
        assert.equal(/\s(\d+)\s/.exec(where.sh('nstat', '-asz', name).split(name)[1] ?? '')?.[1], '0', name)
    })

  await t.test('what is unusual goes through TypeScript all the same: fragments, hop limit 1', async () => {
    const before = queued(lab)
    assert.deepEqual(await lab.traffic('udp', 4000), { echoed: true })
    assert.match((await lab.client.run('ping', '-n', '-c1', '-t2', '-W2', SERVER_SEEN)).stdout, /Time exceeded/)
    assert.ok(queued(lab) - before > 0)
  })
})

test('killed and started again, under ping and TCP: no ping is lost, what TCP carries arrives whole', async () => {
  await using lab = await GatewayLab.make()
  const first = await lab.start()
  await first.waitFor(/fast path: on/)
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  await first.waitFor(/"msg":"mapping"/)
  const [before] = programs(lab)
  await lab.serve()
  const pinging = lab.client.spawn('ping', ['-n', '-i0.01', '-c400', '-W2', SERVER_SEEN])
  await pinging.waitFor(/icmp_seq=50 /)
  const flow = lab.traffic('tcp', 'down', 512 * MIB)
  await first.stop('SIGKILL')
  await pinging.waitFor(/icmp_seq=150 /)
  const second = await lab.start()
  await second.waitFor(/fast path: on/)
  assert.equal(await pinging.ended, 0)
  assert.match(pinging.output.stdout, /400 received, 0% packet loss/)
  const { sha256, peer } = await flow
  assert.equal(sha256, peer)
  assert.equal(programs(lab).length, 1, 'one program, in the place of the other')
  assert.notEqual(programs(lab)[0], before)
})

test('killed and started again where a bpffs is mounted: the new process goes on with program, maps and counters', async () => {
  await using lab = await GatewayLab.make()
  const bpffs = mkdtempSync(join(tmpdir(), 'bpffs-'))
  lab.gateway.sh('mount', '-t', 'bpf', 'bpf', bpffs)
  try {
    const first = await lab.start({ BPFFS: bpffs })
    await first.waitFor(/"msg":"fast path: on"/)
    assert.equal(await lab.ping(SERVER_SEEN), 1)
    await first.waitFor(/"msg":"mapping"/)
    const before = programs(lab)
    const pinging = lab.client.spawn('ping', ['-n', '-i0.01', '-c400', '-W2', SERVER_SEEN])
    await pinging.waitFor(/icmp_seq=50 /)
    await first.stop('SIGKILL')
    await pinging.waitFor(/icmp_seq=150 /)
    const second = await lab.start({ BPFFS: bpffs })
    await second.waitFor(/fast path: on, with the program and maps of the process before/)
    assert.equal(await pinging.ended, 0)
    assert.match(pinging.output.stdout, /400 received, 0% packet loss/)
    assert.deepEqual(programs(lab), before)

    // Another document: another program, in the same place.
    lab.write(labSite({ more: '  lowestIpv6Mtu: 1400\n' }))
    await second.waitFor(/"revision":2,"msg":"document in force"/)
    assert.equal(programs(lab).length, 1)
    assert.notDeepEqual(programs(lab), before)
    assert.equal(await lab.ping(SERVER_SEEN, '-c', '20'), 20)
    await second.stop('SIGTERM')
    assert.deepEqual(
      readdirSync(bpffs).filter((name) => name.startsWith('sixgate')),
      [],
      'nothing is kept',
    )
  } finally {
    lab.gateway.sh('umount', '-l', bpffs)
    rmdirSync(bpffs)
  }
})

test('documents: off removes it, another pool leaves nothing of the old one', async () => {
  await using lab = await GatewayLab.make()
  const service = await lab.start()
  await lab.serve()
  assert.equal(await lab.ping(SERVER_SEEN), 1)
  const [, old = ''] = await service.waitFor(/"host":"fd00:6:4::10","ip4":"([0-9.]+)"/)

  // The old pool goes; its route is put back by hand, so that packets to it still reach the TUN.
  lab.write(labSite({ pool4: '198.19.0.0/24' }))
  await service.waitFor(/"revision":2,"msg":"document in force"/)
  lab.gateway.ip('route replace 198.18.0.0/24 dev nat64 proto 99')
  await speak(lab)
  assert.equal(await lab.ping(SERVER_SEEN, '-c', '20'), 20)
  const { stdout } = await lab.server.run('ping', '-n', '-c3', '-i0.01', '-W1', old)
  assert.match(stdout, /3 packets transmitted, 0 received/)

  lab.write(labSite({ pool4: '198.19.0.0/24', more: '  fastPath: off\n' }))
  await service.waitFor(/fast path: off \(nat64\.fastPath is off in the site document\)/)
  await service.waitFor(/"revision":3,"msg":"document in force"/)
  assert.deepEqual(programs(lab), [])
  const before = queued(lab)
  assert.equal(await lab.ping(SERVER_SEEN, '-c', '20'), 20)
  assert.ok(queued(lab) - before >= 40)

  lab.write(labSite({ pool4: '198.19.0.0/24' }))
  await service.waitFor(/fast path: on[^]*fast path: on/)
  assert.equal(programs(lab).length, 1)
})

test('a filter that somebody removes comes back; with the TUN itself, too', async () => {
  await using lab = await GatewayLab.make()
  const service = await lab.start()
  await service.waitFor(/fast path: on/)
  lab.gateway.sh('tc', 'qdisc', 'del', 'dev', 'nat64', 'clsact')
  await service.waitFor(/its filter was gone from the TUN; it is put back/)
  await until(() => programs(lab).length === 1)
  lab.gateway.ip('link delete nat64')
  await service.waitFor(/data plane is up[^]*data plane is up/)
  await until(() => programs(lab).length === 1)
})

test('two instances: one has it, the other takes over when it is gone', async () => {
  await using lab = await GatewayLab.make()
  const first = await lab.start()
  await first.waitFor(/fast path: on/)
  const [of1] = programs(lab)
  const second = await lab.start()
  await second.waitFor(/fast path: off \(another instance of nat64 has it\)/)
  assert.deepEqual(programs(lab), [of1])
  await first.stop('SIGKILL')
  await second.waitFor(/fast path: on/)
  assert.equal(programs(lab).length, 1)
  assert.notEqual(programs(lab)[0], of1)
})

test('NET_ADMIN and BPF are all the capabilities that it needs', async () => {
  await using lab = await GatewayLab.make()
  const caps = '-all,+net_admin,+bpf'
  const service = lab.spawn({}, ['setpriv', `--bounding-set=${caps}`, `--inh-caps=${caps}`])
  await service.waitFor(/data plane is up/)
  await service.waitFor(/fast path: on/)
  await until(() => programs(lab).length === 1)
  await speak(lab)
  assert.equal(await lab.ping(SERVER_SEEN, '-c', '20'), 20)
})

test('without CAP_BPF: one line says so, TypeScript carries everything, and what an earlier process left is removed', async () => {
  await using lab = await GatewayLab.make()
  const first = await lab.start()
  await first.waitFor(/fast path: on/)
  await first.stop('SIGKILL')
  assert.equal(programs(lab).length, 1)
  const caps = '-bpf,-sys_admin'
  const service = lab.spawn({}, ['setpriv', '--bounding-set', caps, '--inh-caps', caps])
  await service.waitFor(/data plane is up/)
  await service.waitFor(/fast path: off \(make BPF map \w+: Operation not permitted \(EPERM\); add `BPF` to `cap_add`/)
  await service.waitFor(/state: ok/)
  assert.deepEqual(programs(lab), [])
  await speak(lab)
  const before = queued(lab)
  assert.equal(await lab.ping(SERVER_SEEN, '-c', '20'), 20)
  assert.ok(queued(lab) - before >= 40)
  assert.equal(service.output.stdout.match(/fast path: off/g)?.length, 1)
})
