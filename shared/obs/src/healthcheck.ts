/** Docker's HEALTHCHECK: `node shared/obs/src/healthcheck.ts`. Exit status 0 when HEALTH_FILE says ok and is fresh. */
import { readFileSync } from 'node:fs'
import { judgeHealth, type Verdict } from './health.ts'

const check = (): Verdict => {
  const file = process.env.HEALTH_FILE
  if (file === undefined) {
    return { healthy: false, reason: 'HEALTH_FILE is not set: it names the file that the service writes its health to' }
  }
  try {
    return judgeHealth(readFileSync(file, 'utf8'), Date.now())
  } catch (error) {
    return { healthy: false, reason: `${file}: ${String(error)}; the service has not started yet` }
  }
}

const { healthy, reason } = check()
process.stdout.write(`${reason}\n`)
process.exitCode = healthy ? 0 : 1
