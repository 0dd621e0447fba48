import { fileURLToPath } from 'node:url'
import { must, type RunOptions, run } from './command.ts'

/** The repository's root: where docker-compose.yml is. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const MACHINE = `${ROOT}deploy/machine`
let client: string | undefined

/** Path of the docker client that knows compose v2 (deploy/machine/docker-client.sh chooses it). */
export async function dockerClient(): Promise<string> {
  client ??= (await must([`${MACHINE}/docker-client.sh`])).trim()
  return client
}

/** Where the site engine listens. A DOCKER_HOST that is already set wins: an engine somebody started by hand. */
export const dockerHost = () => process.env['DOCKER_HOST'] ?? 'unix:///run/sixgate/site/docker.sock'

/** True when the engine was started by somebody else and is none of ours to start or stop. */
export const engineIsForeign = process.env['DOCKER_HOST'] !== undefined

const withHost = (options: RunOptions): RunOptions => ({
  ...options,
  env: { ...options.env, DOCKER_HOST: dockerHost() },
})

/** `docker …` against the site engine: stdout, or CommandError. */
export const docker = async (argv: readonly string[], options: RunOptions = {}): Promise<string> =>
  must([await dockerClient(), ...argv], withHost(options))

/** `docker …` against the site engine, any exit code. */
export const tryDocker = async (argv: readonly string[], options: RunOptions = {}) =>
  run([await dockerClient(), ...argv], withHost(options))

/** Starts the engine that lives in namespace `netns` and reads `resolv` as its resolv.conf; loads the images into it. */
export async function startEngine(netns: string, resolv: string): Promise<void> {
  if (engineIsForeign) return
  await must([`${MACHINE}/engine.sh`, 'site-start', netns, resolv], { deadlineS: 120 })
  await must([`${MACHINE}/images.sh`, 'site-load'], { deadlineS: 600 })
}

/** Stops the engine; its containers and volumes go, its images stay for the next run. */
export async function stopEngine(): Promise<void> {
  if (!engineIsForeign) await must([`${MACHINE}/engine.sh`, 'site-stop'], { deadlineS: 120 })
}
