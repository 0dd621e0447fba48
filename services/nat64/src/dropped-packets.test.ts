/** `sixgate drops` on real packets: what nat64 did not translate, how many, why; see testkit/shared-lab.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { EXPLAIN, type VerdictName } from './core/verdict.ts'
import { labSite, SERVER_SEEN } from './testkit/gateway-lab.ts'
import { ip4, type Octets, opaque, part, udp } from './testkit/packet-builder.ts'
import { PacketSocket } from './testkit/packet-socket.ts'
import { SharedLab } from './testkit/shared-lab.ts'
import { plain } from './testkit/vectors/vector.ts'

const skip = enterNamespace()

const STRANGER = '2001:db8:77::1'
const FREE = '198.18.0.200'
const OWN = '198.18.0.1'
const SERVER = '203.0.113.2'

const toClient = (ip4Address: string) => ({ src: SERVER, dst: ip4Address })

/** Packets that no well-behaved kernel sends or lets pass; they reach nat64 as if this one had. */
const ODD: readonly (readonly [reason: VerdictName, count: number, packet: (client4: string) => Octets])[] = [
  ['BAD_HEADER_CHECKSUM', 5, (to) => ip4(toClient(to), udp()).map((octet, index) => (index === 8 ? octet - 1 : octet))],
  ['FRAGMENT_MISALIGNED', 6, (to) => ip4({ ...toClient(to), more: true }, part(udp(), [], 0, 20))],
  ['IGMP', 7, (to) => ip4(toClient(to), opaque(2, [0x16, 0, 0, 0, 224, 0, 0, 251]))],
  ['SOURCE_ROUTE', 8, (to) => ip4({ ...toClient(to), options: [131, 7, 4, 203, 0, 113, 9, 0] }, udp())],
  ['UDP_CHECKSUM_ZERO', 9, (to) => ip4(toClient(to), udp({ checksum: 'none' }))],
  ['OWN_ADDRESS', 10, () => ip4(toClient(OWN), udp())],
  ['TRUNCATED', 11, (to) => ip4({ ...toClient(to), totalLength: 60 }, udp())],
]

/** What hosts and servers send by themselves. */
const TRAFFIC: readonly (readonly [
  reason: VerdictName,
  count: number,
  send: (lab: SharedLab, count: string) => unknown,
])[] = [
  [
    'HOP_LIMIT_EXCEEDED',
    2,
    ({ gateway }, count) => gateway.client.run('ping', '-n', `-c${count}`, '-i0.01', '-W1', '-t2', SERVER_SEEN),
  ],
  [
    'DESTINATION_FORBIDDEN',
    3,
    ({ gateway }, count) => gateway.client.run('ping', '-n', `-c${count}`, '-i0.01', '-W1', '64:ff9b::203.0.113.1'),
  ],
  [
    'SOURCE_NOT_ALLOWED',
    4,
    ({ gateway }, count) =>
      gateway.client.run('ping', '-n', `-c${count}`, '-i0.01', '-W1', '-I', STRANGER, SERVER_SEEN),
  ],
  ['NO_MAPPING', 12, ({ gateway }, count) => gateway.server.run('ping', '-n', `-c${count}`, '-i0.01', '-W1', FREE)],
]

interface Drop {
  readonly reason: string
  readonly packets: number
  readonly sentence: string
}

test('every packet that was dropped is told by its reason, of both instances together', { skip }, async () => {
  await using lab = await SharedLab.make(labSite({ more: '  udpChecksumZero: drop\n' }))
  const { gateway } = lab
  const [first] = [await lab.start(), await lab.start()]
  // Not what it speaks from by itself.
  gateway.client.ip(`address add ${STRANGER}/128 dev eth0 nodad preferred_lft 0`)
  assert.equal(await gateway.ping(SERVER_SEEN), 1)
  const [, client4 = ''] = await first.running.waitFor(/"host":"fd00:6:4::10","ip4":"([0-9.]+)"/)
  assert.notEqual(client4, FREE)

  const tun = new PacketSocket('nat64')
  try {
    for (const [, count, packet] of ODD) for (let sent = 0; sent < count; sent++) tun.send(plain(packet(client4)))
  } finally {
    tun.close()
  }
  for (const [, count, send] of TRAFFIC) await send(lab, String(count))

  const told = async (...args: readonly string[]): Promise<string> => {
    const command = lab.sixgate('drops', ...args)
    assert.equal(await command.ended, 0, command.output.stderr)
    return command.output.stdout
  }
  const ofOurs = async (): Promise<Map<string, Drop>> => {
    const { drops } = JSON.parse(await told('--json')) as { drops: readonly Drop[] }
    return new Map(drops.map((drop) => [drop.reason, drop]))
  }
  const sent = [...ODD, ...TRAFFIC].map(([name, count]) => ({ name, reason: name.toLowerCase(), count }))
  // What was put into the queues is counted when a data plane comes to it.
  let drops = await ofOurs()
  const isAll = (): boolean => sent.every(({ reason, count }) => (drops.get(reason)?.packets ?? 0) >= count)
  for (const deadline = performance.now() + 30_000; !isAll() && performance.now() < deadline; ) drops = await ofOurs()

  assert.deepEqual(
    sent.map(({ reason }) => drops.get(reason)),
    sent.map(({ name, reason, count }) => ({ reason, packets: count, sentence: EXPLAIN[name] })),
  )
  const lines = (await told()).split('\n')
  for (const { name, reason, count } of sent)
    assert.ok(
      lines.some(
        (line) => line.startsWith(`${count} `) && line.includes(` ${reason} `) && line.endsWith(EXPLAIN[name]),
      ),
      `${reason}\n${lines.join('\n')}`,
    )
})
