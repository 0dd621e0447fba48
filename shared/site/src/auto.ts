import { randomBytes, randomUUID } from 'node:crypto'
import { link, readFile, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { asIp6, formatPrefix, IP6_LEN, type Prefix6, parsePrefix6, prefix6Of } from '@sixgate/addr'
import { parse } from 'yaml'
import { SiteError } from './error.ts'

/** The file that keeps what `auto` stood for: `site.yaml` → `site.auto.yaml` beside it. */
export const companionFile = (siteFile: string): string =>
  join(dirname(siteFile), `${basename(siteFile).replace(/\.ya?ml$/, '')}.auto.yaml`)

/** A new ULA prefix: fd, then 40 random bits (RFC 4193 §3.2). */
export const randomUla = (): Prefix6 => {
  const bytes = new Uint8Array(IP6_LEN)
  bytes.set(randomBytes(5), 1)
  bytes[0] = 0xfd
  return prefix6Of(asIp6(bytes), 48)
}

/** A /64 of a ULA /48 by its subnet identifier (16 bits): that of a VLAN is the VLAN identifier, of the LAN without VLAN 0. */
export const ulaSubnet = (ula: Prefix6, subnet: number): Prefix6 => {
  const bytes = Uint8Array.from(ula.addr)
  new DataView(bytes.buffer).setUint16(6, subnet)
  return prefix6Of(asIp6(bytes), 64)
}

const HEADER = `# Made by sixgate: what "auto" in the site document beside this file stands for.
# Keep it: the hosts of this site have addresses from this prefix (RFC 4193).
`

/** Text of the companion file. */
export const autoText = (ula: Prefix6): string => `${HEADER}ula: ${formatPrefix(ula)}\n`

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/** Undefined: no YAML. */
const contentIn = (text: string): unknown => {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

/** The ULA /48 that a text of the companion file keeps; `file`: its name for messages. Throws SiteError (`auto`). */
export const ulaOf = (text: string, file: string): Prefix6 => {
  const content = contentIn(text)
  const came = typeof content === 'object' && content !== null && 'ula' in content ? content.ula : undefined
  const ula = typeof came === 'string' ? parsePrefix6(came) : undefined
  if (ula?.lenBits === 48 && ula.addr[0] === 0xfd) return ula
  const message = `${JSON.stringify(came)}: must be a ULA prefix fdxx:xxxx:xxxx::/48; put the old one back, or remove the file for a new one`
  throw new SiteError('auto', [{ path: ['ula'], message }], file)
}

const readUla = async (file: string): Promise<Prefix6 | undefined> => {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  })
  return text === undefined ? undefined : ulaOf(text, file)
}

/** Puts the file there in one step, or leaves the one that another process put there first. */
const createOnce = async (file: string, text: string): Promise<void> => {
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, text, { flag: 'wx' })
    await link(draft, file)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    await unlink(draft).catch(() => undefined)
  }
}

/**
 * Keeps the ULA that hosts have addresses from already, when `file` was lost or is on a new disk. Nothing happens when
 * there is one, or when `lanPrefix` is no ULA. Returns whether it was kept. Throws what `node:fs` throws.
 */
export const adoptUla = async (file: string, lanPrefix: Prefix6): Promise<boolean> => {
  if (lanPrefix.addr[0] !== 0xfd || (await readUla(file)) !== undefined) return false
  await createOnce(file, autoText(prefix6Of(lanPrefix.addr, 48)))
  return true
}

/** The site's ULA /48, made at the first call and kept in `file` from then on. Throws SiteError (`auto`) when it cannot be kept. */
export const keptUla = async (file: string): Promise<Prefix6> => {
  const known = await readUla(file)
  if (known !== undefined) return known
  try {
    await createOnce(file, autoText(randomUla()))
  } catch (error) {
    const message = `"auto" needs to be remembered in ${file}, which cannot be written; make its folder writable, or write a prefix into the document`
    throw new SiteError('auto', [{ path: ['lan', 'prefix'], message }], file, error)
  }
  return (await readUla(file)) ?? randomUla()
}
