/** Octets as characters 0–255, and back. */
export const toText = (bytes: Uint8Array): string => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}
export const toBytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))
