import { createHash, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { Upstream } from '../core/upstreams.ts'
import { errorCode } from './listener.ts'

/** How long a connection may take to be ready; the forwarder has asked another upstream by then. */
const CONNECT_MS = 4000

/** base64 of the SHA-256 of a certificate's public key (RFC 7469 §2.4, RFC 7858 §4.2). */
export const pinOf = (certificate: X509Certificate): string =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')

/** What is wrong with the other end's key, when there are pins; undefined = nothing. */
const pinFault = (socket: TLSSocket, pins: readonly string[]): string | undefined => {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return 'it showed no certificate'
  const pin = pinOf(certificate)
  return pins.includes(pin) ? undefined : `its key is sha256/${pin}, which is none of the pins`
}

/**
 * Opens a TLS connection to an upstream and makes sure of whom it is: by the certificate's name against the system's
 * authorities, or by its pins (RFC 8310 §8: strict). `onReady` runs once, before anything may be sent; errors come as
 * the socket's `error` event. `authorities`: PEM of certificate authorities instead of Node's.
 */
export const connectTls = (
  upstream: Upstream,
  alpn: readonly string[],
  authorities: string | undefined,
  onReady: (socket: TLSSocket) => void,
): TLSSocket => {
  const pins = upstream.pins ?? []
  const byName = pins.length === 0
  const socket = connect({
    host: upstream.address,
    port: upstream.port,
    ALPNProtocols: [...alpn],
    minVersion: 'TLSv1.2',
    ...(upstream.name === undefined ? {} : { servername: upstream.name }),
    ...(authorities === undefined ? {} : { ca: authorities }),
    // With pins the key decides, below; nothing is sent before.
    rejectUnauthorized: byName,
    lookup: (hostname, _options, callback) => callback(null, hostname, isIP(hostname)),
  })
  socket.setNoDelay(true)
  const timer = setTimeout(() => socket.destroy(new Error('no TLS connection in time')), CONNECT_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.once('secureConnect', () => {
    clearTimeout(timer)
    const fault = byName ? undefined : pinFault(socket, pins)
    if (fault === undefined) onReady(socket)
    else socket.destroy(new Error(fault))
  })
  return socket
}

/** An error of a TLS connection in an operator's words. */
export const tlsFault = (error: unknown): string => {
  const code = errorCode(error)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name than dns64.upstreams says'
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) return `its certificate is not trusted (${code})`
  return error instanceof Error ? error.message : String(error)
}
