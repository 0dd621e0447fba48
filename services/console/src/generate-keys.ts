/** `node generate-keys.ts DIR`: one nkey per service in `DIR/SERVICE/seed`, permissions in `DIR/nats/auth.conf`. Seeds that exist are kept. */
import { pathToFileURL } from 'node:url'
import { SERVICE_NAMES } from '@sixgate/bus'
import { generateKeys } from './io/key-files.ts'

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const directory = process.argv[2]
  if (directory === undefined) {
    process.stderr.write('usage: generate-keys.ts DIR\n')
    process.exit(2)
  }
  const made = generateKeys(directory)
  process.stdout.write(
    `keys of ${SERVICE_NAMES.length} services in ${directory}: ${made.length} made, ${SERVICE_NAMES.length - made.length} kept\n`,
  )
}
