/** `node generate-keys.ts DIR`: one nkey per service in `DIR/SERVICE/seed`, permissions in `DIR/nats/auth.conf`. Seeds that exist are kept. */
import { SERVICE_NAMES } from '@sixgate/bus'
import { generateKeys } from './io/key-files.ts'

const main = (directory: string | undefined): number => {
  if (directory === undefined) {
    process.stderr.write('usage: generate-keys.ts DIR\n')
    return 2
  }
  try {
    const made = generateKeys(directory)
    const kept = SERVICE_NAMES.length - made.length
    process.stdout.write(
      `keys of ${SERVICE_NAMES.length} services in ${directory}: ${made.length} made, ${kept} kept\n`,
    )
    return 0
  } catch (error) {
    process.stderr.write(`generate-keys: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}

process.exitCode = main(process.argv[2])
