import { formatIp4, asIp4, parseIp6 } from '@sixgate/addr'

/** A control-channel line as text: octets 0–255 become characters 0–255 (RFC 2640 texts are UTF-8; nothing here reads them). */
export const textOf = (line: Uint8Array): string => {
  let end = line.length
  while (end > 0 && (line[end - 1] === 10 || line[end - 1] === 13)) end -= 1
  return String.fromCharCode(...line.subarray(0, end))
}

/** The octets of a line of ours; `text` is ASCII. */
export const lineOf = (text: string): Uint8Array => Uint8Array.from(`${text}\r\n`, (char) => char.charCodeAt(0))

/** Verb in capitals, and what stands behind the first space. */
export const splitCommand = (text: string): { readonly verb: string; readonly argument: string } => {
  const space = text.indexOf(' ')
  return space < 0
    ? { verb: text.toUpperCase(), argument: '' }
    : { verb: text.slice(0, space).toUpperCase(), argument: text.slice(space + 1).trim() }
}

/** Commands that are translated or watched. */
const VERBS = ['EPSV', 'EPRT', 'PASV', 'AUTH', 'ALGS'] as const

/** True when a line that begins so may turn out to be one of those. */
export const mayBecomeCommand = (text: string): boolean => {
  const start = text.slice(0, 5).toUpperCase()
  return VERBS.some((verb) => verb.startsWith(start) || start === `${verb} ` || start === `${verb}\r`)
}

/**
 * RFC 2428 §2: `EPRT <d><net-prt><d><net-addr><d><tcp-port><d>`. The port, when it names IPv6 (2) and the address of the
 * control channel's own client; else `undefined`.
 */
export const readEprt = (argument: string, client6: Uint8Array): number | undefined => {
  const delimiter = argument[0]
  if (delimiter === undefined || delimiter < '!' || delimiter > '~') return undefined
  const [before, protocol, address = '', port = '', after] = argument.split(delimiter)
  if (before !== '' || protocol !== '2' || after !== '' || !/^\d{1,5}$/.test(port)) return undefined
  const ip6 = parseIp6(address)
  const number = Number(port)
  if (ip6?.every((octet, index) => octet === client6[index]) !== true || number < 1 || number > 65_535) return undefined
  return number
}

/** RFC 959 §4.1.2: `PORT h1,h2,h3,h4,p1,p2`. */
export const portCommand = (ip4: number, port: number): Uint8Array =>
  lineOf(`PORT ${formatIp4(asIp4(ip4 >>> 0)).replaceAll('.', ',')},${port >>> 8},${port & 0xff}`)
