/** Payloads that carry addresses: FTP (RFC 6384) and SIP (RFC 3261), one packet each. */
import { HOST_A, HOST_B, SERVER } from '../core-lab.ts'
import { type Octets, tcp, type TcpFields, udp, type UdpFields } from '../packet-builder.ts'
import { offloaded, plain, toHost4, toHost6, toServer4, toServer6, type Vector } from './vector.ts'

const options = { settings: { alg: { ftpPorts: [21], sipPorts: [5060] } } }
const octets = (text: string): Octets => Array.from(text, (char) => char.charCodeAt(0))

/** Each vector is a connection of its own. */
let nextPort = 41_000
const newPort = (): number => nextPort++

/** A command of host A: what it says, what the server must hear. */
const command = (id: string, says: string, said: string, heard: string, fields: Partial<TcpFields> = {}): Vector => {
  const src = newPort()
  const there = { src, dst: 21, ...fields }
  const options12 = there.options?.length ?? 0
  return {
    rfc: 'rfc6384',
    id,
    says,
    in: plain(toServer6(tcp({ ...there, data: octets(said) }))),
    out: [
      said === heard
        ? plain(toServer4(tcp({ ...there, data: octets(heard) })))
        : offloaded(
            { hdrLen: 40 + options12, csumStart: 20, csumOffset: 16 },
            toServer4(tcp({ ...there, data: octets(heard), checksum: 'partial' })),
          ),
    ],
    verdict: 'TRANSLATED_6TO4',
    options,
  }
}

const CLIENT = HOST_A.ip6
const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]

const FTP: readonly Vector[] = [
  command('6-epsv', 'EPSV becomes PASV', 'EPSV\r\n', 'PASV\r\n'),
  command('6-epsv-2', 'EPSV 2 too', 'EPSV 2\r\n', 'PASV\r\n'),
  command('6-epsv-1', 'another protocol: answered here, the server gets NOOP', 'EPSV 1\r\n', 'NOOP\r\n'),
  command('6-epsv-all', 'EPSV ALL: answered here', 'EPSV ALL\r\n', 'NOOP\r\n'),
  command('7.1-eprt', 'EPRT of the own address', `EPRT |2|${CLIENT}|5282|\r\n`, 'PORT 198,18,0,10,20,162\r\n'),
  command(
    '7.1-eprt-other',
    'of another one: unchanged',
    `EPRT |2|${HOST_B.ip6}|5282|\r\n`,
    `EPRT |2|${HOST_B.ip6}|5282|\r\n`,
  ),
  command('7.1-eprt-ipv4', 'IPv4: unchanged', 'EPRT |1|192.0.2.1|5282|\r\n', 'EPRT |1|192.0.2.1|5282|\r\n'),
  command('10-pasv', 'anything else: unchanged', 'PASV\r\n', 'PASV\r\n'),
  command('11-algs', 'ALGS: answered here', 'ALGS STATUS64\r\n', 'NOOP\r\n'),
  command('5-several', 'several commands in a segment', 'TYPE I\r\nEPSV\r\nLIST\r\n', 'TYPE I\r\nPASV\r\nLIST\r\n'),
  command('5-options', 'options of TCP stay', 'EPSV\r\n', 'PASV\r\n', { options: TIMESTAMPS }),
  command(
    '5-urgent',
    'the urgent pointer moves with its octet',
    'EPSV 2\r\n\xff\xf2ABOR\r\n',
    'PASV\r\n\xff\xf2ABOR\r\n',
    {
      flags: 0x38,
      urgent: 10,
    },
  ),
].map((vector) => (vector.id === '5-urgent' ? withUrgent(vector) : vector))

/** Two octets fewer are before it. */
function withUrgent(vector: Vector): Vector {
  const [sent = []] = vector.out
  const at = 10 + 20 + 18
  return { ...vector, out: [sent.map((octet, index) => (index === at + 1 ? octet - 2 : octet))] }
}

const PORTS: Partial<UdpFields> = { src: 5060, dst: 5060 }
const request = (uri: string, host: string, family: string, address: string): string => {
  const body = `v=0\r\no=a 1 1 IN ${family} ${address}\r\ns=-\r\nc=IN ${family} ${address}\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n`
  return [
    `INVITE sip:bob@${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${host}:5060;branch=z9hG4bK1`,
    `From: <sip:alice@${host}>;tag=1`,
    `To: <sip:bob@${uri}>`,
    'Call-ID: 1',
    'CSeq: 1 INVITE',
    `Contact: <sip:alice@${host}>`,
    'Content-Type: application/sdp',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}
const FROM_HOST6 = octets(request('[64:ff9b::c000:221]', `[${HOST_A.ip6}]`, 'IP6', HOST_A.ip6))
const FROM_HOST4 = octets(request(SERVER, HOST_A.ip4, 'IP4', HOST_A.ip4))
const TO_HOST4 = octets(request(HOST_A.ip4, SERVER, 'IP4', SERVER))
const TO_HOST6 = octets(request(`[${HOST_A.ip6}]`, '[64:ff9b::c000:221]', 'IP6', '64:ff9b::c000:221'))

const SIP: readonly Vector[] = [
  {
    rfc: 'rfc3261',
    id: 'udp-6to4',
    says: 'a request of a host of ours',
    in: plain(toServer6(udp({ ...PORTS, data: FROM_HOST6 }))),
    out: [
      offloaded(
        { hdrLen: 28, csumStart: 20, csumOffset: 6 },
        toServer4(udp({ ...PORTS, data: FROM_HOST4, checksum: 'partial' })),
      ),
    ],
    verdict: 'TRANSLATED_6TO4',
    options,
  },
  {
    rfc: 'rfc3261',
    id: 'udp-4to6',
    says: 'a request to a host of ours',
    in: plain(toHost4(udp({ ...PORTS, data: TO_HOST4 }), { df: true })),
    out: [
      offloaded(
        { hdrLen: 48, csumStart: 40, csumOffset: 6 },
        toHost6(udp({ ...PORTS, data: TO_HOST6, checksum: 'partial' })),
      ),
    ],
    verdict: 'TRANSLATED_4TO6',
    options,
  },
  {
    rfc: 'rfc3261',
    id: 'udp-checksum',
    says: 'a damaged datagram is not understood',
    in: plain(damage(toServer6(udp({ ...PORTS, data: FROM_HOST6 })))),
    out: [],
    verdict: 'ALG_BAD_CHECKSUM',
    options,
  },
  {
    rfc: 'rfc3261',
    id: 'udp-keep-alive',
    says: 'no message: unchanged',
    in: plain(toServer6(udp({ ...PORTS, data: octets('\r\n\r\n') }))),
    out: [plain(toServer4(udp({ ...PORTS, data: octets('\r\n\r\n') })))],
    verdict: 'TRANSLATED_6TO4',
    options,
  },
]

/** One bit of the last octet. */
function damage(packet: Octets): Octets {
  return packet.map((octet, index) => (index === packet.length - 1 ? octet ^ 1 : octet))
}

export const PAYLOADS: readonly Vector[] = [...FTP, ...SIP]
