/** What the fast path carried for hosts outlives its programs: a new document has a new one, with maps of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp4 } from '@sixgate/addr'
import { deleteLink, libc, setAddrGenMode, setLinkUp } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { fastPathPlan } from '../core/fast-path-plan.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { addressMapConfig, HOST_A, hostsOf, ip4Of } from '../testkit/core-lab.ts'
import { udp } from '../testkit/packet-builder.ts'
import { PacketSocket } from '../testkit/packet-socket.ts'
import { plain, toHost4, toServer6 } from '../testkit/vectors/vector.ts'
import { FastPath } from './fast-path.ts'
import { attachTun } from './tun.ts'

const skip = enterNamespace()
const TUN = 'nat64'

test('usage of hosts: summed up over documents, gone with the host', { skip }, () => {
  const { fd } = attachTun(TUN)
  setAddrGenMode(TUN, 'none')
  setLinkUp(TUN, true)
  const socket = new PacketSocket(TUN)
  const hosts = hostsOf({}).map(({ ip6, ip4, pref }) => ({ ip6, ip4: asIp4(ip4), pref }))
  const plan = fastPathPlan(addressMapConfig({}), DEFAULT_SETTINGS, 1500)
  const fastPath = new FastPath(TUN, silent, () => ({ plan, capacity: 16, hosts, lans: [] }))
  const ip4 = ip4Of(HOST_A.ip4)
  const [out, back] = [plain(toServer6(udp())), plain(toHost4(udp()))]
  const outBytes = out.length - 10
  const carry = (octets: readonly number[]): void => {
    socket.send(octets)
    assert.ok(socket.receive() !== undefined)
  }
  try {
    fastPath.rebuild()
    assert.equal(fastPath.remark, 'fast path: on, 2 hosts')
    carry(out)
    carry(back)
    fastPath.rebuild()
    carry(out)
    fastPath.rebuild()
    const { from6, from4, seenS } = fastPath.usages().get(ip4) ?? assert.fail()
    assert.deepEqual(from6, { packets: 2, bytes: 2 * outBytes })
    assert.deepEqual(from4, { packets: 1, bytes: back.length - 10 })
    assert.ok(seenS > 0)
    assert.equal(fastPath.counters().fast_path_translated_6to4_packets_total, 2)
    fastPath.remove(ip4)
    assert.equal(fastPath.usages().get(ip4), undefined)
    // Another host's now.
    fastPath.install(hosts.find((host) => host.ip4 === ip4) ?? assert.fail())
    carry(out)
    assert.deepEqual(fastPath.usages().get(ip4)?.from6, { packets: 1, bytes: outBytes })
  } finally {
    fastPath.stop('remove')
    socket.close()
    libc.closeFd(fd)
    deleteLink(TUN)
  }
})
