import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** A file of the built page, ready to be sent. */
export interface StaticFile {
  readonly type: string
  readonly bytes: Buffer
  /** undefined: it does not get smaller. */
  readonly gzipped: Buffer | undefined
  readonly etag: string
  /** Its name changes with its content. */
  readonly isImmutable: boolean
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
}

const fileOf = (path: string, isImmutable: boolean): StaticFile | undefined => {
  const type = TYPES[extname(path)]
  if (type === undefined) return undefined
  const bytes = readFileSync(path)
  const gzipped = gzipSync(bytes, { level: 9 })
  return {
    type,
    bytes,
    gzipped: gzipped.length < bytes.length ? gzipped : undefined,
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    isImmutable,
  }
}

/** The built page by path, all of it in memory; empty when it was not built. `directory`: what `vite build` wrote. */
export const readStaticFiles = (directory: string): ReadonlyMap<string, StaticFile> => {
  const files = new Map<string, StaticFile>()
  if (!existsSync(directory)) return files
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const file = fileOf(join(directory, name), name.startsWith('assets/'))
    if (file === undefined) continue
    files.set(`/${name}`, file)
    if (name === 'index.html') files.set('/', file)
  }
  return files
}
