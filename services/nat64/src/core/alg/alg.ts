import type { Frame } from '../frame.ts'
import { Verdict } from '../verdict.ts'
import { IPV4 } from '../wire/ipv4.ts'
import { IPV6 } from '../wire/ipv6.ts'
import { PROTOCOL, TCP, TCP_FLAG, UDP } from '../wire/protocol.ts'
import type { PayloadGateway, Xlate } from '../xlate.ts'
import type { Direction, Ends, FlowState, Session } from './flow.ts'
import { FtpSession } from './ftp/session.ts'
import type { FindOutside } from './outside.ts'
import { swapDatagram } from './sip/datagram.ts'
import { type LiteralSwap, type MessageOrigin, toIp4Texts, toIp6Texts } from './sip/literals.ts'
import { callIdOf, MediaPaths, mediaEndsIn } from './sip/media-paths.ts'
import { bodyOf } from './sip/message.ts'
import { openPath } from './sip/open-path.ts'
import { SipSession } from './sip/session.ts'
import { algPorts, type AlgSettings, FTPS_PORT, SIPS_PORT } from './settings.ts'
import { type AlgReport, AlgTally, count } from './tally.ts'
import { TcpGateway } from './tcp-gateway.ts'

/** Of a packet: the host's of ours, and the other one. */
interface Ports {
  readonly local: number
  readonly remote: number
}

/** How addresses change in a packet of `direction`. */
const swapFor = ({ map, outerPair }: Xlate, direction: Direction, outside?: MessageOrigin['outside']): LiteralSwap =>
  direction === 'up'
    ? toIp4Texts({ map, pref: outerPair.pref, local4: outerPair.src4, outside })
    : toIp6Texts({ map, pref: outerPair.pref, local4: outerPair.dst4, outside })

const bitmapOf = (ports: readonly number[]): Uint8Array => {
  const bits = new Uint8Array(65_536 / 8)
  for (const port of ports) bits[port >>> 3] = (bits[port >>> 3] ?? 0) | (1 << (port & 7))
  return bits
}
const hasBit = (bits: Uint8Array, port: number): boolean => ((bits[port >>> 3] ?? 0) & (1 << (port & 7))) !== 0

/**
 * The application layer gateways: they change the addresses that protocols carry in their payload, in a packet that is
 * about to be translated.
 */
export class Alg implements PayloadGateway {
  readonly #report: AlgReport
  readonly #findOutside: FindOutside
  readonly #media = new MediaPaths()
  readonly #tcp: TcpGateway
  #settings: AlgSettings
  #isOn: boolean
  /** Bit by port: looked at at all; of a server whose connections are edited. */
  #watched: Uint8Array
  #edited: Uint8Array
  /** The packet under way, for sessions that need its addresses. */
  #x: Xlate | undefined

  /** `findOutside`: what NAT44 makes of a TCP connection that is open. */
  constructor(settings: AlgSettings, report: AlgReport, findOutside: FindOutside = () => undefined) {
    this.#settings = settings
    this.#findOutside = findOutside
    this.#isOn = algPorts(settings).length > 0
    this.#watched = bitmapOf(algPorts(settings))
    this.#edited = bitmapOf([...settings.ftpPorts, ...settings.sipPorts])
    this.#report = report
    this.#tcp = new TcpGateway(report, (ends, local6, isFromStart) => this.#sessionFor(ends, local6, isFromStart))
  }

  /** Connections that are under way keep what they have. */
  configure(settings: AlgSettings): void {
    this.#settings = settings
    this.#isOn = algPorts(settings).length > 0
    this.#watched = bitmapOf(algPorts(settings))
    this.#edited = bitmapOf([...settings.ftpPorts, ...settings.sipPorts])
  }

  /** Connections whose payload is edited, for another process: JSON. */
  get state(): readonly FlowState[] {
    return this.#tcp.state
  }

  /** Goes on with those of another process; the ports of the document in force say whose they are. */
  resume(states: readonly FlowState[]): void {
    this.#tcp.resume(states.filter(({ localPort, remotePort }) => this.#isEdited(localPort, remotePort)))
  }

  /**
   * True when the packet, as it came, may belong to a TCP connection that is edited. Headers that are unusual are none of
   * them: such connections have small packets without extension headers.
   */
  wantsAllOf({ view, o, len }: Frame): boolean {
    if (!this.#isOn || len < IPV4.LEN + TCP.LEN) return false
    const version = view.getUint8(o) >>> 4
    const isTcp =
      version === 6
        ? len >= IPV6.LEN + TCP.LEN && view.getUint8(o + IPV6.NEXT_HEADER) === PROTOCOL.TCP
        : version === 4 && view.getUint16(o) >>> 8 === 0x45 && view.getUint8(o + IPV4.PROTOCOL) === PROTOCOL.TCP
    if (!isTcp) return false
    const at = o + (version === 6 ? IPV6.LEN : IPV4.LEN)
    return (
      hasBit(this.#edited, view.getUint16(at + TCP.SRC_PORT)) || hasBit(this.#edited, view.getUint16(at + TCP.DST_PORT))
    )
  }

  /**
   * Looks at a packet that will be translated (`x.outer` and `x.outerPair` say what it is) and changes its payload where
   * that has to be. CONTINUE: go on; else the packet is dropped.
   */
  apply(x: Xlate, frame: Frame, direction: Direction): Verdict {
    const { outer } = x
    if (!this.#isOn || outer.isFragment || outer.end - outer.upper < UDP.LEN) return Verdict.CONTINUE
    if (outer.protocol !== PROTOCOL.TCP && outer.protocol !== PROTOCOL.UDP) return Verdict.CONTINUE
    const src = frame.view.getUint16(outer.upper + UDP.SRC_PORT)
    const dst = frame.view.getUint16(outer.upper + UDP.DST_PORT)
    if (!hasBit(this.#watched, src) && !hasBit(this.#watched, dst)) return Verdict.CONTINUE
    return direction === 'up'
      ? this.#look(x, frame, direction, { local: src, remote: dst })
      : this.#look(x, frame, direction, { local: dst, remote: src })
  }

  /** A packet of one of the ports. */
  #look(x: Xlate, frame: Frame, direction: Direction, { local, remote }: Ports): Verdict {
    const { outer } = x
    if (outer.protocol === PROTOCOL.UDP) {
      const { sipPorts } = this.#settings
      if (!sipPorts.includes(local) && !sipPorts.includes(remote)) return Verdict.CONTINUE
      frame.isAlone = true
      return swapDatagram(x, frame, direction, swapFor(x, direction), this.#report)
    }
    if (outer.end - outer.upper < TCP.LEN) return Verdict.CONTINUE
    this.#x = x
    frame.isAlone = this.#isEdited(local, remote)
    if (frame.isAlone) return this.#tcp.apply(x, frame, direction)
    this.#noteTls(frame.view.getUint8(outer.upper + TCP.FLAGS), remote)
    return Verdict.CONTINUE
  }

  /** FTP: servers are remote (RFC 6384 is about IPv6 clients). SIP: whoever connected to whom. */
  #isEdited(local: number, remote: number): boolean {
    const { ftpPorts, sipPorts } = this.#settings
    return ftpPorts.includes(remote) || sipPorts.includes(remote) || sipPorts.includes(local)
  }

  /** A connection to a port of TLS begins. */
  #noteTls(flags: number, remotePort: number): void {
    if ((flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) !== TCP_FLAG.SYN) return
    const { ftpPorts, sipPorts } = this.#settings
    if (ftpPorts.length > 0 && remotePort === FTPS_PORT) {
      count(this.#report, AlgTally.FTP_TLS)
      this.#report.note('ftps')
    }
    if (sipPorts.length > 0 && remotePort === SIPS_PORT) {
      count(this.#report, AlgTally.SIP_TLS)
      this.#report.note('sips')
    }
  }

  #sessionFor(ends: Ends, local6: Uint8Array, isFromStart: boolean): Session {
    if (this.#settings.ftpPorts.includes(ends.remotePort))
      return new FtpSession({ ip6: local6, ip4: ends.local4, server4: ends.remote4 }, this.#report, isFromStart)
    return this.#sipSession({ ...ends })
  }

  /**
   * conntrack's helper for SIP looks at each segment for itself and remembers one change of length of a connection only
   * (nf_ct_seqadj), so it is kept out of TCP: what it would do, the address that NAT44 gives and the way in for media, is done here.
   */
  #sipSession(ends: Ends): Session {
    let outside: MessageOrigin['outside']
    const swapOf = (direction: Direction) => () => {
      if (outside === undefined) {
        const found = this.#findOutside(ends)
        if (found === 'silent') this.#report.note('sip-inside')
        else if (found !== undefined) outside = { ...found, localPort: ends.localPort }
      }
      return swapFor(this.#x as Xlate, direction, outside)
    }
    const onMessage = (direction: Direction, text4: string): void =>
      this.#openMedia(ends.local4, direction, text4, outside?.ip4 ?? ends.local4)
    return new SipSession({ up: swapOf('up'), down: swapOf('down'), onMessage }, this.#report)
  }

  /** Media of a call may come in as soon as both sides have said where they want it. `own4`: the host, as others see it. */
  #openMedia(local4: number, direction: Direction, text4: string, own4: number): void {
    const { map, outerPair } = this.#x as Xlate
    const body = bodyOf(text4)
    const callId = callIdOf(text4.slice(0, text4.length - body.length))
    if (body === '' || callId === undefined) return
    const isUp = direction === 'up'
    const ends = mediaEndsIn(body).map((end) => {
      if (end === undefined) return undefined
      const isFit = isUp ? end.ip4 === own4 : map.mayReach4(end.ip4, outerPair.pref)
      return isFit ? end : undefined
    })
    if (ends.length === 0) return
    for (const path of this.#media.note(local4, callId, isUp ? 'local' : 'remote', ends)) {
      openPath(this.#x as Xlate, local4, path)
      count(this.#report, AlgTally.SIP_MEDIA_PATHS)
    }
  }
}
