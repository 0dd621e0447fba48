import { createHash, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { writeDurably } from '@sixgate/host'

const DAY_MS = 86_400_000
/** What browsers accept of anybody. */
const LIFETIME_MS = 397 * DAY_MS
const RENEW_BEFORE_MS = 30 * DAY_MS
/** Clocks of hosts without battery may be behind. */
const BACKDATED_MS = DAY_MS

/** In PEM. */
export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** SHA-256 of the certificate as browsers show it: `AB:CD:…`. */
export const fingerprintOf = (cert: string): string => new X509Certificate(cert).fingerprint256

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const

const pem = (label: string, der: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  ).join('\n')}\n-----END ${label}-----\n`

/** A certificate signed by itself (RFC 5280) for these addresses and names. */
export const makeCertificate = async (names: readonly string[], nowMs: number): Promise<Certificate> => {
  // Loaded only when needed: a command that looks at the certificate has no use for it. The library wants Reflect's metadata first.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const serial = randomBytes(16)
  // RFC 5280 §4.1.2.2: a positive number.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString('hex'),
    name: `CN=sixgate ${createHash('sha256').update(serial).digest('hex').slice(0, 8)}`,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + LIFETIME_MS),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  })
  return {
    key: pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
    cert: `${certificate.toString('pem')}\n`,
  }
}

/** Whether it is for all these addresses and names, and still is for a while. */
const fits = ({ cert }: Certificate, names: readonly string[], nowMs: number): boolean => {
  const known = new X509Certificate(cert)
  const isFor = (name: string): boolean =>
    (isIP(name) === 0 ? known.checkHost(name) : known.checkIP(name)) !== undefined
  return known.validToDate.getTime() - nowMs > RENEW_BEFORE_MS && names.every(isFor)
}

/** The certificate below STATE_DIR, made anew when it is damaged, runs out or lacks a name. */
export class CertificateFile {
  readonly #file: string

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'web/tls.pem')
  }

  /** undefined: there is none, or it is damaged. */
  read(): Certificate | undefined {
    try {
      const text = readFileSync(this.#file, 'utf8')
      const [key] = /-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----\n/.exec(text) ?? []
      const [cert] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/.exec(text) ?? []
      if (key === undefined || cert === undefined) return undefined
      return new X509Certificate(cert).toString() === '' ? undefined : { key, cert }
    } catch {
      return undefined
    }
  }

  /** Throws what `node:fs` throws. */
  async ensure(names: readonly string[], nowMs: number): Promise<Certificate & { readonly isNew: boolean }> {
    const known = this.read()
    if (known !== undefined && fits(known, names, nowMs)) return { ...known, isNew: false }
    const made = await makeCertificate(names, nowMs)
    writeDurably(this.#file, made.key + made.cert)
    return { ...made, isNew: true }
  }
}
