import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { createUser, fromSeed } from '@nats-io/nkeys'
import { SERVICE_NAMES, type ServiceName } from '@sixgate/bus'
import { authConf } from '../core/permissions.ts'

/** Replaces a file in one step; only its owner may read it, and after a power cut it is the old one or the new one. */
const replace = (file: string, text: string): void => {
  const draft = `${file}.new`
  // One that a crash left behind could not be opened: it is read-only, and the container has no right to override that.
  rmSync(draft, { force: true })
  const fd = openSync(draft, 'wx', 0o400)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(draft, file)
}

/** The public key of a seed file; throws an Error that names the file when it holds no user seed. */
const publicKeyOf = (file: string): string => {
  const text = readFileSync(file, 'utf8').trim()
  try {
    return fromSeed(new TextEncoder().encode(text)).getPublicKey()
  } catch (error) {
    throw new Error(`${file} holds no nkey seed; remove it and a new one is made`, { cause: error })
  }
}

/** Makes the seeds that are missing and writes the permissions anew. Returns the services that got a new key. */
export const generateKeys = (directory: string): ServiceName[] => {
  const made: ServiceName[] = []
  const publicKeys = {} as Record<ServiceName, string>
  for (const service of SERVICE_NAMES) {
    const file = join(directory, service, 'seed')
    if (!existsSync(file)) {
      mkdirSync(join(directory, service), { recursive: true })
      replace(file, `${new TextDecoder().decode(createUser().getSeed())}\n`)
      made.push(service)
    }
    publicKeys[service] = publicKeyOf(file)
  }
  mkdirSync(join(directory, 'nats'), { recursive: true })
  replace(join(directory, 'nats', 'auth.conf'), authConf(publicKeys))
  return made
}
