import { fileURLToPath } from 'node:url'
import { must, type RunOptions, run } from './command.ts'

/** The repository's root: where docker-compose.yml is. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const MACHINE = `${ROOT}deploy/machine`
let client: string | undefined
let host: string | undefined

/** Path of the docker client that knows compose v2 (deploy/machine/docker-client.sh chooses it). */
export async function dockerClient(): Promise<string> {
  client ??= (await must([`${MACHINE}/docker-client.sh`])).trim()
  return client
}

/** Where the site engine listens: unix:///…/docker.sock. The caller's DOCKER_HOST is none of ours and never used. */
export async function dockerHost(): Promise<string> {
  host ??= (await must([`${MACHINE}/engine.sh`, 'site-host'])).trim()
  return host
}

const withHost = async (options: RunOptions): Promise<RunOptions> => ({
  ...options,
  env: { ...options.env, DOCKER_HOST: await dockerHost() },
})

/** `docker …` against the site engine: stdout, or CommandError. */
export const docker = async (argv: readonly string[], options: RunOptions = {}): Promise<string> =>
  must([await dockerClient(), ...argv], await withHost(options))

/** `docker …` against the site engine, any exit code. */
export const tryDocker = async (argv: readonly string[], options: RunOptions = {}) =>
  run([await dockerClient(), ...argv], await withHost(options))

/** Starts the engine that lives in namespace `netns` and reads `resolv` as its resolv.conf; loads the images into it. */
export async function startEngine(netns: string, resolv: string): Promise<void> {
  await must([`${MACHINE}/engine.sh`, 'site-start', netns, resolv], { deadlineS: 120 })
  await must([`${MACHINE}/images.sh`, 'site-load'], { deadlineS: 600 })
}

/** The next start of the engine finds containers and volumes again, and starts those that have a restart policy, as after a reboot. */
export async function keepEngine(): Promise<void> {
  await must([`${MACHINE}/engine.sh`, 'site-keep'])
}

/** Stops the engine; its containers and volumes go, its images stay for the next run. */
export async function stopEngine(): Promise<void> {
  await must([`${MACHINE}/engine.sh`, 'site-stop'], { deadlineS: 120 })
}
