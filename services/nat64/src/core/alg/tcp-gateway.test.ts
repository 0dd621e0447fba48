import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AlgLab, CALM, CLIENT_PORT, octetsOf, segmentOf } from '../../testkit/alg-lab.ts'
import { CoreLab, HOST_A, PLAIN, SERVER, SERVER6 } from '../../testkit/core-lab.ts'
import { ip4, ip6, type Octets, tcp, type TcpFields, u32, udp } from '../../testkit/packet-builder.ts'
import { offloaded } from '../../testkit/vectors/vector.ts'
import { offloadFaultOf } from '../../fuzz/offload-checker.ts'

const ALG = { settings: { alg: { ftpPorts: [21], sipPorts: [5060] } } }
const up = (fields: Partial<TcpFields>): Octets =>
  ip6({ src: HOST_A.ip6, dst: SERVER6 }, tcp({ src: CLIENT_PORT, dst: 21, ...fields }))
const down = (fields: Partial<TcpFields>): Octets =>
  ip4({ src: SERVER, dst: HOST_A.ip4, df: true }, tcp({ src: 21, dst: CLIENT_PORT, ...fields }))
const line = (text: string): Octets => octetsOf(`${text}\r\n`)

test('a damaged segment is not understood, one that overtook another is not passed on', () => {
  const lab = new CoreLab(ALG)
  const damaged = up({ seq: 100, data: line('EPSV') }).map((octet, index, all) =>
    index === all.length - 1 ? 11 : octet,
  )
  assert.equal(lab.playPacket(damaged).verdict, 'ALG_BAD_CHECKSUM')
  assert.equal(lab.playPacket(up({ seq: 100, data: line('USER a') })).verdict, 'TRANSLATED_6TO4')
  assert.deepEqual(lab.playPacket(up({ seq: 200, data: line('USER a') })), { verdict: 'ALG_GAP', out: [] })
  assert.equal(lab.playPacket(up({ seq: 108, data: line('USER a') })).verdict, 'TRANSLATED_6TO4')
})

test('half a command is held: the sender hears that it arrived, the receiver gets the acknowledgement in it', () => {
  const lab = new CoreLab(ALG)
  const options = [1, 1, 8, 10, ...u32(50), ...u32(60)]
  lab.playPacket(down({ seq: 5000, ack: 100, flags: 0x10, data: [], options: [1, 1, 8, 10, ...u32(900), ...u32(49)] }))
  const { out } = lab.play([...PLAIN, ...up({ seq: 100, ack: 5000, data: octetsOf('EP'), options })])
  const [ack, held] = out.map((frame) => segmentOf([...frame]))
  assert.equal(ack?.family, 6)
  assert.deepEqual([ack?.segment.seq, ack?.segment.ack, ack?.segment.data], [5000, 102, []])
  assert.deepEqual(ack?.segment.options, [1, 1, 8, 10, ...u32(900), ...u32(50)])
  assert.equal(held?.family, 4)
  assert.deepEqual([held?.segment.seq, held?.segment.ack, held?.segment.data], [100, 5000, []])
  const [whole] = lab.play([...PLAIN, ...up({ seq: 102, ack: 5000, data: line('SV'), options })]).out
  const { segment } = segmentOf([...(whole ?? [])])
  assert.deepEqual([segment.seq, segment.data], [100, line('PASV')])
  // Sent again, only the part that was never acknowledged: everything goes out again.
  const [again] = lab.play([...PLAIN, ...up({ seq: 102, ack: 5000, data: line('SV'), options })]).out
  assert.deepEqual(segmentOf([...(again ?? [])]).segment, segment)
})

test('SACK blocks are in the numbers of whoever reads them; one that covers part of an edited line goes', () => {
  const lab = new AlgLab(ALG, 21, CALM)
  lab.pass('client', { seq: 1000, ack: 1, flags: 0x18, data: line('USER a'), options: [] })
  // 8 octets become 6: everything behind is 2 earlier.
  lab.pass('client', { seq: 1008, ack: 1, flags: 0x18, data: line('EPSV 2'), options: [] })
  lab.pass('client', { seq: 1016, ack: 1, flags: 0x18, data: line('LIST'), options: [] })
  const sackOf = (...edges: readonly number[]): Octets => {
    const options = [1, 1, 5, 2 + edges.length * 4, ...edges.flatMap((edge) => [...u32(edge)])]
    const [sent] = lab.pass('server', { seq: 1, ack: 1000, flags: 0x10, data: [], options })
    assert.equal(sent?.ack, 1000)
    return sent.options
  }
  assert.deepEqual(sackOf(1014, 1020), [1, 1, 5, 10, ...u32(1016), ...u32(1022)])
  assert.deepEqual(sackOf(1008, 1020), [1, 1, 5, 10, ...u32(1008), ...u32(1022)])
  assert.deepEqual(sackOf(1010, 1020), [1, 1, 5, 10, ...u32(1016), ...u32(1022)])
  assert.deepEqual(sackOf(1009, 1012), [1, 1, ...Array.from({ length: 10 }, () => 1)])
  assert.deepEqual(sackOf(1009, 1012, 1014, 1020), [1, 1, 5, 10, ...u32(1016), ...u32(1022), 1, 1, 1, 1, 1, 1, 1, 1])
  const [acked] = lab.pass('server', { seq: 1, ack: 1014, flags: 0x10, data: [], options: [] })
  assert.equal(acked?.ack, 1016)
})

test('a super-packet of commands, and what became longer than a segment is cut by the device', () => {
  const lab = new CoreLab(ALG)
  const commands = 'EPSV\r\n'.repeat(400)
  const packet = up({ seq: 7, data: octetsOf(commands), checksum: 'partial' })
  const { verdict, out } = lab.play(
    offloaded({ gso: 4, hdrLen: 60, gsoSize: 1000, csumStart: 40, csumOffset: 16 }, packet),
  )
  assert.equal(verdict, 'TRANSLATED_6TO4')
  const [sent = new Uint8Array(0)] = out
  assert.equal(offloadFaultOf([...sent]), undefined)
  assert.deepEqual(segmentOf([...sent]).segment.data, octetsOf('PASV\r\n'.repeat(400).slice(0, sent.length - 50)))
  assert.deepEqual([sent[1], (sent[4] ?? 0) + (sent[5] ?? 0) * 256], [1, 1000])

  const uri = `<sip:${SERVER}>`
  const head = `SIP/2.0 200 OK\r\n${`Route: ${uri}\r\n`.repeat(55)}Content-Length: 0\r\n\r\n`
  const grown = lab.play([
    ...PLAIN,
    ...ip4(
      { src: SERVER, dst: HOST_A.ip4, df: true },
      tcp({ src: 5060, dst: CLIENT_PORT, seq: 9, data: octetsOf(head) }),
    ),
  ])
  const [longer = new Uint8Array(0)] = grown.out
  assert.equal(offloadFaultOf([...longer]), undefined)
  assert.deepEqual([longer[1], (longer[4] ?? 0) + (longer[5] ?? 0) * 256], [4, 1220])
  assert.ok(longer.length > head.length + 300)
})

test('between two hosts of ours nothing changes', () => {
  const lab = new CoreLab(ALG)
  const packet = ip6(
    { src: HOST_A.ip6, dst: '64:ff9b::198.18.0.11' },
    tcp({ src: CLIENT_PORT, dst: 21, data: line('EPSV') }),
  )
  const { verdict, out } = lab.playPacket(packet)
  assert.equal(verdict, 'HAIRPINNED')
  assert.deepEqual(out[0]?.slice(-6), line('EPSV'))
})

test('whatever the payload, headers and options are: nothing throws, nothing leaves with a wrong length or checksum', () => {
  const textArb = fc.array(
    fc.oneof(
      fc.constantFrom(
        'EPSV',
        'EPRT |2|',
        HOST_A.ip6,
        '|',
        '\r\n',
        'AUTH',
        '227 (1,2,3,4,5,6)',
        '200 ok',
        '234 ',
        '\xff\xfd',
      ),
      fc.constantFrom(
        'INVITE sip:a SIP/2.0\r\n',
        'SIP/2.0 200 OK\r\n',
        'Via: SIP/2.0/UDP [::1]',
        'c=IN IP4 ',
        SERVER,
        'l: 4\r\n\r\n',
      ),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => String.fromCharCode(...bytes)),
    ),
    { maxLength: 30 },
  )
  const packetArb = fc.record({
    text: textArb.map((parts) => parts.join('')),
    isUp: fc.boolean(),
    isTcp: fc.boolean(),
    port: fc.constantFrom(21, 5060),
    seq: fc.constantFrom(0, 10, 20, 0xffff_fff0, 0x8000_0000),
    ack: fc.constantFrom(0, 5, 0x7fff_ffff, 0xffff_ffff),
    flags: fc.nat(63),
    options: fc.constantFrom(
      [],
      [5, 10, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1],
      [8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0],
      [5, 40, 1, 1],
      [8, 1, 0, 0],
    ),
  })
  fc.assert(
    fc.property(fc.array(packetArb, { maxLength: 12 }), (packets) => {
      const lab = new CoreLab(ALG)
      for (const { text, isUp, isTcp, port, ...fields } of packets) {
        const ports = isUp ? { src: CLIENT_PORT, dst: port } : { src: port, dst: CLIENT_PORT }
        const data = octetsOf(text)
        const upper = isTcp ? tcp({ ...ports, ...fields, data }) : udp({ ...ports, data })
        const packet = isUp
          ? ip6({ src: HOST_A.ip6, dst: SERVER6 }, upper)
          : ip4({ src: SERVER, dst: HOST_A.ip4, df: fields.flags > 20 }, upper)
        for (const frame of lab.play([...PLAIN, ...packet]).out) assert.equal(offloadFaultOf([...frame]), undefined)
      }
    }),
    { numRuns: 1500 },
  )
})
