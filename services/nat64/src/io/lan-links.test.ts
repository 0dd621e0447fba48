/** Which packets from and to a LAN take the short way, and what the programs leave on the links. See testkit/lan-lab.ts. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { deleteLink, link, replaceBpfFilter } from '@sixgate/host'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { HOST_A } from '../testkit/core-lab.ts'
import { KNOWN_MS, LanLab, type LanPassage } from '../testkit/lan-lab.ts'
import {
  data,
  echoReply4,
  echoReply6,
  echoRequest4,
  echoRequest6,
  type Octets,
  tcp,
  udp,
} from '../testkit/packet-builder.ts'
import { plain, toHost4, toServer6 } from '../testkit/vectors/vector.ts'
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

const ANSWER = plain(toHost4(udp({ src: 53, dst: 40_000 })))
const answerOf = (payloadBytes: number, more = {}): Octets =>
  plain(toHost4(udp({ src: 53, dst: 40_000, data: data(payloadBytes) }), { df: true, ...more }))

test('an answer goes straight to the LAN once the stack delivered one of its flow, and is the same frame', {
  skip,
}, () => {
  withLab((lab) => {
    assert.equal(lab.playAnswer(ANSWER).by, 'kernel', 'nobody asked')
    assert.equal(lab.play(PACKET).by, 'kernel')
    const first = lab.playAnswer(ANSWER)
    assert.equal(first.by, 'kernel', 'never delivered')
    const second = lab.playKnownAnswer(ANSWER).second
    assert.equal(second.by, 'lan')
    assert.ok(first.packet !== undefined)
    assert.deepEqual([second.packet, second.header], [first.packet, first.header])
    assert.equal(lab.playAnswer(plain(toHost4(udp({ src: 54, dst: 40_000 })))).by, 'kernel', 'another flow')
  })
})

test('pings of both sides are answered the short way', { skip }, () => {
  withLab((lab) => {
    for (const message of [echoRequest4(), echoReply4()]) {
      const { first, second } = lab.playKnownAnswer(plain(toHost4(message)))
      assert.deepEqual([first.by, second.by], ['kernel', 'lan'])
      assert.deepEqual(second.packet, first.packet)
    }
  })
})

test('TCP to a host never takes the short way', { skip }, () => {
  withLab((lab) => {
    const packet = plain(toHost4(tcp({ src: 80, dst: 40_000 })))
    assert.equal(lab.play(plain(toServer6(tcp()))).by, 'kernel')
    for (let count = 0; count < 3; count++) assert.equal(lab.playAnswer(packet).by, 'kernel')
  })
})

test('the time to live counts as if the packet had been forwarded; what that does not let pass is answered', {
  skip,
}, () => {
  withLab((lab) => {
    assert.equal(lab.playKnownAnswer(ANSWER).second.by, 'lan')
    const [long, short] = [64, 3].map((ttl) => lab.playAnswer(answerOf(20, { ttl })))
    assert.deepEqual([long?.by, short?.by], ['lan', 'lan'])
    const hopLimits = [long, short].map((passage) => passage?.packet?.[VNET.LEN + 7])
    assert.deepEqual(hopLimits, [63, 2])
    const last = lab.playAnswer(answerOf(20, { ttl: 2 }))
    assert.deepEqual([last.by, last.packet], ['kernel', undefined], 'the stack says "time exceeded"')
  })
})

test('no longer than what the stack delivered: a smaller MTU holds within a second', { skip }, () => {
  withLab((lab) => {
    const [short, long] = [answerOf(100), answerOf(1400)]
    for (;;) {
      const startMs = monotonicMs()
      assert.equal(lab.playKnownAnswer(short).second.by, 'lan')
      const [first, second, third] = [long, long, short].map((packet) => lab.playAnswer(packet).by)
      if (monotonicMs() - startMs > KNOWN_MS) continue
      assert.deepEqual([first, second, third], ['kernel', 'lan', 'lan'])
      break
    }
    lab.namespace.ip('link set lan0 mtu 1300')
    const smallerMs = monotonicMs()
    for (let ms = smallerMs; ms < smallerMs + 2 * JUDGED_MS; ms = monotonicMs()) {
      // Short ones still go the short way.
      lab.playAnswer(short)
      const { by, packet } = lab.playAnswer(long)
      if (ms > smallerMs + JUDGED_MS)
        assert.deepEqual([by, packet], ['kernel', undefined], `${ms - smallerMs} ms later: the stack says "too big"`)
    }
    assert.equal(lab.playKnownAnswer(short).second.by, 'lan')
  })
})

test('what the stack does not deliver any more ends within a second; a new address of the host holds as soon', {
  skip,
}, () => {
  withLab((lab) => {
    assert.equal(lab.playKnownAnswer(ANSWER).second.by, 'lan')
    const moved = '02:00:5e:00:53:77'
    lab.namespace.ip(`neighbour replace ${HOST_A.ip6} lladdr ${moved} dev lan0 nud permanent`)
    const movedMs = monotonicMs()
    for (let ms = movedMs; ms < movedMs + 2 * JUDGED_MS; ms = monotonicMs()) {
      const { header } = lab.playAnswer(ANSWER)
      const to = Buffer.from(header ?? assert.fail('it did not come')).toString('hex', 0, 6)
      if (ms > movedMs + JUDGED_MS) assert.equal(to, moved.replaceAll(':', ''), `${ms - movedMs} ms later`)
    }
    assert.equal(lab.playKnownAnswer(ANSWER).second.by, 'lan')
    lab.namespace.ip(`-6 route replace blackhole ${HOST_A.ip6}`)
    const refusedMs = monotonicMs()
    for (let ms = refusedMs; ms < refusedMs + 2 * JUDGED_MS; ms = monotonicMs()) {
      const { packet } = lab.playAnswer(ANSWER)
      if (ms > refusedMs + JUDGED_MS) assert.equal(packet, undefined, `${ms - refusedMs} ms later`)
    }
  })
})

test('of a host that is removed nothing is delivered any more, at once', { skip }, () => {
  withLab((lab) => {
    const host = lab.tun.hosts[0] ?? assert.fail()
    for (let round = 0; round < 50; round++) {
      assert.equal(lab.playKnownAnswer(ANSWER).second.by, 'lan')
      lab.tun.generation.remove(host.ip4)
      const { by, packet } = lab.playAnswer(ANSWER)
      assert.deepEqual([by, packet], ['typescript', undefined])
      lab.tun.generation.install(host)
    }
  })
})

const filters = (name: string): string =>
  ['ingress', 'egress'].map((hook) => Namespace.here().sh('tc', 'filter', 'show', 'dev', name, hook)).join('')
const ours = (name: string): string[] => filters(name).match(/sixgate-nat64-lan-v\d+(\+clsact)?/g) ?? []
const qdiscs = (name: string): string => Namespace.here().sh('tc', 'qdisc', 'show', 'dev', name)

test('links are left as they were: without the qdisc, or with it and the filters of others', { skip }, () => {
  withLab((lab) => {
    const { namespace, lans, tun } = lab
    const [own = ''] = ours('lan0')
    assert.match(own, /\+clsact$/)
    assert.deepEqual(ours('lan0'), [own, own])
    lans.attach(lab.programs, ['lan0'])
    assert.deepEqual(ours('lan0'), [own, own], 'still known as ours')
    lans.detachExcept([])
    assert.deepEqual([filters('lan0'), /clsact/.test(qdiscs('lan0'))], ['', false])

    namespace.sh('tc', 'qdisc', 'add', 'dev', 'lan0', 'clsact')
    lans.attach(lab.programs, ['lan0'])
    const theirs = own.replace('+clsact', '')
    assert.deepEqual(ours('lan0'), [theirs, theirs])
    lans.detachExcept([])
    assert.deepEqual([filters('lan0'), /clsact/.test(qdiscs('lan0'))], ['', true], 'not our qdisc')

    namespace.sh('tc', 'qdisc', 'del', 'dev', 'lan0', 'clsact')
    lans.attach(lab.programs, ['lan0'])
    const ifindex = link('lan0')?.index ?? assert.fail()
    replaceBpfFilter({ ifindex, hook: 'egress', preference: 5 }, tun.generation.programFd, 'of-another')
    lans.detachExcept([])
    assert.deepEqual([ours('lan0'), /clsact/.test(qdiscs('lan0'))], [[], true], "somebody else's filter is there")
    assert.match(filters('lan0'), /of-another/)
  })
})

test('no such link, no Ethernet: it says why, and takes the link when it comes', { skip }, () => {
  withLab((lab) => {
    const { namespace, lans } = lab
    lans.attach(lab.programs, ['lan0', 'lan9', 'nat64'])
    assert.equal(lans.remark, '; also at lan0; not at lan9 (there is no such link), nat64 (it is no Ethernet)')
    namespace.ip('link add lan9 type veth peer name host-lan9')
    lans.attachAgain(lab.programs)
    assert.deepEqual(lans.links, ['lan0', 'lan9'])
    namespace.sh('tc', 'qdisc', 'del', 'dev', 'lan9', 'clsact')
    lans.attachAgain(lab.programs)
    assert.equal(ours('lan9').length, 2)
    namespace.sh('tc', 'filter', 'del', 'dev', 'lan9', 'egress')
    lans.attachAgain(lab.programs)
    assert.equal(ours('lan9').length, 2)
    namespace.ip('link delete lan9')
    lans.refuse(['lan0'], 'because')
    assert.deepEqual([lans.remark, filters('lan0')], ['; not at lan0 (because)', ''])
  })
})

before(() => {
  if (skip === false) deleteLink('nat64')
})
