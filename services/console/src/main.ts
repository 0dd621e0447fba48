/** console: publishes the site document and keeps it published. */
import { EnvironmentError } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { readSettings, runConsole } from './service.ts'

const log = createLogger({ service: 'console', instance: 'main' })

try {
  await runConsole(readSettings(process.env))
} catch (error) {
  if (error instanceof EnvironmentError) log.fatal(error.message)
  else log.fatal({ err: error }, 'the console cannot start')
  process.exit(1)
}
