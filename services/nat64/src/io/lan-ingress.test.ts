/** Which packets of a LAN take the short way, and what the program leaves on the links. See testkit/lan-lab.ts. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { deleteLink, link, replaceBpfFilter } from '@sixgate/host'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { LanLab, type LanPassage } from '../testkit/lan-lab.ts'
import { data, echoReply6, echoRequest6, tcp, udp } from '../testkit/packet-builder.ts'
import { plain, toServer6 } from '../testkit/vectors/vector.ts'
import { monotonicMs } from './messages.ts'

const skip = enterNamespace()

const PACKET = plain(toServer6(udp()))
const OTHER_PORT = plain(toServer6(udp({ dst: 54 })))
/** bpf/lib/flows.h, and a tick of the kernel's coarse clock. */
const JUDGED_MS = 1000 + 10
/** Destination address of the frame, behind the offload header. */
const [TO, ETH_TYPE] = [VNET.LEN, VNET.LEN + 12]

const packetOf = (passage: LanPassage): Uint8Array => (passage.by === 'stack' ? assert.fail() : passage.packet)

const withLab = (
  work: (lab: LanLab) => void,
  ...more: readonly [mtuBytes?: number, links?: readonly string[]]
): void => {
  const lab = new LanLab({}, silent, ...more)
  try {
    work(lab)
  } finally {
    lab.close()
  }
}

test('a flow is known once the stack let it through and somebody answered it', { skip }, () => {
  withLab((lab) => {
    const first = lab.play(PACKET)
    assert.equal(first.by, 'kernel', 'new')
    assert.equal(lab.play(PACKET).by, 'kernel', 'not answered')
    const short = lab.playKnown(PACKET).second
    assert.equal(short.by, 'lan')
    // Time to live and all the rest are what they were.
    assert.deepEqual(
      packetOf(short).subarray(VNET.LEN + 8, VNET.LEN + 10),
      packetOf(first).subarray(VNET.LEN + 8, VNET.LEN + 10),
    )
    assert.equal(lab.play(OTHER_PORT).by, 'kernel', 'another flow of the same host')
  })
})

test('an echo: who asks is known, who answers is another flow', { skip }, () => {
  withLab((lab) => {
    const [request, reply] = [plain(toServer6(echoRequest6())), plain(toServer6(echoReply6()))]
    const { first, second } = lab.playKnown(request)
    assert.deepEqual([first.by, second.by], ['kernel', 'lan'])
    assert.equal(lab.play(reply).by, 'kernel')
  })
})

test('TCP never: conntrack has to see every segment', { skip }, () => {
  withLab((lab) => {
    const packet = plain(toServer6(tcp()))
    for (let count = 0; count < 3; count++) assert.deepEqual(lab.playKnown(packet).second.by, 'kernel')
  })
})

test('what the stack does not let through any more ends within a second', { skip }, () => {
  withLab((lab) => {
    assert.equal(lab.playKnown(PACKET).second.by, 'lan')
    lab.namespace.sysctl('ipv6/conf/all/forwarding', 0)
    const refusedMs = monotonicMs()
    // The mark behind each packet is refused as well: what comes out is counted instead.
    for (let ms = refusedMs; ms < refusedMs + 2 * JUDGED_MS; ms = monotonicMs()) {
      const before = lab.shortened
      lab.send(PACKET)
      lab.tun.discard()
      if (ms > refusedMs + JUDGED_MS) assert.equal(lab.shortened, before, `${ms - refusedMs} ms later`)
    }
    lab.namespace.sysctl('ipv6/conf/all/forwarding', 1)
    lab.drain()
    assert.equal(lab.play(PACKET).by, 'kernel', 'it has to be let through once more')
    assert.equal(lab.playKnown(PACKET).second.by, 'lan')
  })
})

test('a host that is removed is translated no more, at once', { skip }, () => {
  withLab((lab) => {
    const host = lab.tun.hosts[0] ?? assert.fail()
    for (let round = 0; round < 50; round++) {
      assert.equal(lab.playKnown(PACKET).second.by, 'lan')
      lab.tun.generation.remove(host.ip4)
      assert.equal(lab.play(PACKET).by, 'typescript')
      lab.tun.generation.install(host)
    }
  })
})

test('frames to others, of VLANs, and of a flow that came from another link', { skip }, () => {
  withLab(
    (lab) => {
      const isShort = (change: (frame: Uint8Array) => Uint8Array, from = 'lan0'): string => {
        assert.equal(lab.playKnown(PACKET).second.by, 'lan')
        return lab.play(PACKET, from, change).by
      }
      const flipped = (frame: Uint8Array): Uint8Array =>
        frame.map((octet, index) => (index === TO + 5 ? octet ^ 1 : octet))
      assert.equal(isShort(flipped), 'stack')
      lab.namespace.ip('link set lan0 promisc on')
      assert.equal(isShort(flipped), 'stack')
      const tagged = (frame: Uint8Array): Uint8Array =>
        Uint8Array.from([...frame.subarray(0, ETH_TYPE), 0x81, 0, 0, 7, ...frame.subarray(ETH_TYPE)])
      assert.equal(isShort(tagged), 'stack')
      const priority = (frame: Uint8Array): Uint8Array =>
        Uint8Array.from([...frame.subarray(0, ETH_TYPE), 0x81, 0, 0, 0, ...frame.subarray(ETH_TYPE)])
      // The stack takes the tag of VLAN 0 off.
      assert.equal(isShort(priority), 'kernel')
      assert.equal(
        isShort((frame) => frame, 'lan1'),
        'kernel',
      )
    },
    undefined,
    ['lan0', 'lan1'],
  )
})

test('longer than the TUN takes: the stack says so', { skip }, () => {
  withLab((lab) => {
    const packet = (lengthBytes: number) => plain(toServer6(udp({ data: data(lengthBytes - 48) })))
    assert.equal(lab.playKnown(packet(1400)).second.by, 'lan')
    assert.equal(lab.play(packet(1401)).by, 'stack')
    // What the hop limit does not let pass twice is answered there, too.
    const lastHop = plain(toServer6(udp(), { hops: 1 }))
    assert.equal(lab.play(lastHop).by, 'typescript')
  }, 1400)
})

const filters = (name: string): string => Namespace.here().sh('tc', 'filter', 'show', 'dev', name, 'ingress')
const qdiscs = (name: string): string => Namespace.here().sh('tc', 'qdisc', 'show', 'dev', name)

test('links are left as they were: without the qdisc, or with it and the filters of others', { skip }, () => {
  withLab((lab) => {
    const { namespace, ingress, tun } = lab
    assert.match(filters('lan0'), /sixgate-nat64-lan-v\d+\+clsact/)
    ingress.attach(tun.generation, ['lan0'])
    assert.match(filters('lan0'), /sixgate-nat64-lan-v\d+\+clsact/, 'still known as ours')
    ingress.detachExcept([])
    assert.deepEqual([filters('lan0'), /clsact/.test(qdiscs('lan0'))], ['', false])

    namespace.sh('tc', 'qdisc', 'add', 'dev', 'lan0', 'clsact')
    ingress.attach(tun.generation, ['lan0'])
    assert.match(filters('lan0'), /sixgate-nat64-lan-v\d+ /)
    ingress.detachExcept([])
    assert.deepEqual([filters('lan0'), /clsact/.test(qdiscs('lan0'))], ['', true], 'not our qdisc')

    namespace.sh('tc', 'qdisc', 'del', 'dev', 'lan0', 'clsact')
    ingress.attach(tun.generation, ['lan0'])
    const ifindex = link('lan0')?.index ?? assert.fail()
    replaceBpfFilter({ ifindex, hook: 'egress', preference: 5 }, tun.generation.programFd, 'of-another')
    ingress.detachExcept([])
    assert.deepEqual([filters('lan0'), /clsact/.test(qdiscs('lan0'))], ['', true], "somebody else's filter is there")
  })
})

test('no such link, no Ethernet: it says why, and takes the link when it comes', { skip }, () => {
  withLab((lab) => {
    const { namespace, ingress, tun } = lab
    ingress.attach(tun.generation, ['lan0', 'lan9', 'nat64'])
    assert.equal(
      ingress.remark,
      '; also at the ingress of lan0; not at lan9 (there is no such link), nat64 (it is no Ethernet)',
    )
    namespace.ip('link add lan9 type veth peer name host-lan9')
    ingress.attachAgain(tun.generation)
    assert.deepEqual(ingress.links, ['lan0', 'lan9'])
    namespace.sh('tc', 'qdisc', 'del', 'dev', 'lan9', 'clsact')
    ingress.attachAgain(tun.generation)
    assert.match(filters('lan9'), /sixgate-nat64-lan/)
    namespace.ip('link delete lan9')
    ingress.refuse(['lan0'], 'because')
    assert.deepEqual([ingress.remark, filters('lan0')], ['; not at lan0 (because)', ''])
  })
})

before(() => {
  if (skip === false) deleteLink('nat64')
})
