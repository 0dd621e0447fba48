/** Octets from hexadecimal text; what stands in parentheses is a remark. */
export const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(/\([^)]*\)|\s/g, ''), 'hex'))
export const CLIENT = hex('02005e000001')

/** A DHCPDISCOVER as a host without an address sends it; `options` behind the cookie, `bootp` changes its first octets. */
export const frame = (options: string, bootp = '01 01 06 00', giaddr = '00000000'): Uint8Array => {
  const message = hex(`${bootp} 12345678 0000 8000 00000000 00000000 00000000 ${giaddr} 02005e000001
    ${'00'.repeat(10)} ${'00'.repeat(192)} 63825363 ${options}`)
  const length = (value: number): string => value.toString(16).padStart(4, '0')
  return Uint8Array.of(
    ...hex(`ffffffffffff 02005e000001 0800
      4500 ${length(28 + message.length)} 0000 0000 40 11 0000 00000000 ffffffff
      0044 0043 ${length(8 + message.length)} 0000`),
    ...message,
  )
}
/** Options: the message type DISCOVER; a parameter request list with 108. */
export const DISCOVER = '35 01 01'
export const ASKS_108 = '37 04 01 03 06 6c'
