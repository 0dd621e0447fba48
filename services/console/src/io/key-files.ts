import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createUser, fromSeed } from '@nats-io/nkeys'
import { SERVICE_NAMES, type ServiceName } from '@sixgate/bus'
import { authConf } from '../core/permissions.ts'

const replace = (file: string, text: string): void => {
  const draft = `${file}.new`
  writeFileSync(draft, text, { mode: 0o400 })
  chmodSync(draft, 0o400)
  renameSync(draft, file)
}

/** The public key of a seed file; throws an Error that names the file when it holds no user seed. */
const publicKeyOf = (file: string): string => {
  try {
    return fromSeed(new TextEncoder().encode(readFileSync(file, 'utf8').trim())).getPublicKey()
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
