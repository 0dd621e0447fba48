/*
 * datagram = *( message pad )                                    pad: zeros up to a multiple of 4
 * message  = length:u32 type:u16 flags:u16 seq:u32 pid:u32 body   length counts the header and the body
 * body of NLMSG_ERROR = errno:i32 (0 or negative) message-quoted [attributes]   quoted: only the header when CAPPED
 * body of NLMSG_DONE  = errno:i32 [attributes]
 */
import { align4, decodeAttributes, readText, slice } from './attributes.ts'
import { NLM_F, NLMSG, NLMSGERR_ATTR, NLMSGHDR } from './constants.ts'
import { malformed, type Refusal } from './error.ts'

/** One netlink message. `body` is a view into the datagram: valid until the receive buffer is used again. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly seq: number
  readonly pid: number
  readonly body: DataView
}

/** What to send: `body` is the family's fixed struct followed by attributes. */
export interface Request {
  readonly type: number
  readonly flags: number
  readonly body: Uint8Array
}

/** The request with the flags that ask for an acknowledgement. */
export const acknowledged = (request: Request): Request => ({
  ...request,
  flags: request.flags | NLM_F.REQUEST | NLM_F.ACK,
})

/** The octets of one request. pid 0 is the kernel's job to fill in. */
export const encodeMessage = (request: Request, seq: number): Uint8Array => {
  const bytes = new Uint8Array(NLMSGHDR.SIZE + align4(request.body.length))
  const view = new DataView(bytes.buffer)
  view.setUint32(NLMSGHDR.LEN_U32, NLMSGHDR.SIZE + request.body.length, true)
  view.setUint16(NLMSGHDR.TYPE_U16, request.type, true)
  view.setUint16(NLMSGHDR.FLAGS_U16, request.flags, true)
  view.setUint32(NLMSGHDR.SEQ_U32, seq, true)
  bytes.set(request.body, NLMSGHDR.SIZE)
  return bytes
}

/** All messages of one datagram. Throws `NetlinkError` (malformed) when a length breaks the grammar. */
export const decodeMessages = (datagram: DataView): Message[] => {
  const messages: Message[] = []
  let at = 0
  while (datagram.byteLength - at >= NLMSGHDR.SIZE) {
    const length = datagram.getUint32(at + NLMSGHDR.LEN_U32, true)
    if (length < NLMSGHDR.SIZE) throw malformed(`message length ${length} at ${at}, the least is ${NLMSGHDR.SIZE}`)
    const body = slice(datagram, at + NLMSGHDR.SIZE, length - NLMSGHDR.SIZE)
    messages.push({
      type: datagram.getUint16(at + NLMSGHDR.TYPE_U16, true),
      flags: datagram.getUint16(at + NLMSGHDR.FLAGS_U16, true),
      seq: datagram.getUint32(at + NLMSGHDR.SEQ_U32, true),
      pid: datagram.getUint32(at + NLMSGHDR.PID_U32, true),
      body,
    })
    at += align4(length)
  }
  return messages
}

/**
 * What an NLMSG_ERROR or NLMSG_DONE says: `undefined` for success. Throws `NetlinkError` when it is cut short.
 */
export const decodeRefusal = (message: Message): Refusal | undefined => {
  const { body } = message
  if (body.byteLength < 4) {
    // A DONE without a status is what kernels before 2.6.9 sent: success.
    if (message.type === NLMSG.DONE) return undefined
    throw malformed(`acknowledgement of ${body.byteLength} octets, 4 needed`)
  }
  const errno = -body.getInt32(0, true)
  if (errno <= 0) return undefined
  return { errno, text: refusalText(message) }
}

const refusalText = ({ type, flags, body }: Message): string | undefined => {
  if ((flags & NLM_F.ACK_TLVS) === 0) return undefined
  if (type === NLMSG.DONE) return readText(decodeAttributes(body, 4).get(NLMSGERR_ATTR.MSG))
  if (body.byteLength < 4 + NLMSGHDR.SIZE) throw malformed(`error of ${body.byteLength} octets quotes no request`)
  const quoted = (flags & NLM_F.CAPPED) === 0 ? align4(body.getUint32(4, true)) : NLMSGHDR.SIZE
  if (quoted < NLMSGHDR.SIZE || 4 + quoted > body.byteLength) throw malformed(`error quotes ${quoted} octets`)
  return readText(decodeAttributes(body, 4 + quoted).get(NLMSGERR_ATTR.MSG))
}
