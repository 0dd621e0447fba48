import { docker } from './engine.ts'
import { SERVICES, type Stack } from './stack.ts'
import { untilTrue } from './until.ts'

/** On an emulated machine each look takes seconds of the processor from the services that start. */
const PAUSE_MS = 500

/**
 * Awaits that Docker calls every service healthy. Before that there is no use in asking the console how the site is: each question
 * starts Node.
 */
export const healthy = (stack: Stack, deadlineS = 120): Promise<void> =>
  untilTrue(
    'Docker calls every service healthy',
    deadlineS,
    async () => {
      const ids = (await stack.compose(['ps', '--quiet', ...SERVICES])).trim().split('\n')
      const states = (await docker(['inspect', '--format', '{{.State.Health.Status}}', ...ids])).trim().split('\n')
      return states.length === SERVICES.length && states.every((state) => state === 'healthy')
    },
    PAUSE_MS,
  )
