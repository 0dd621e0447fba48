import { dirname } from 'node:path'
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers'
import { PROJECT } from '../topologies/home.ts'
import { dockerClient, dockerHost, ROOT } from './engine.ts'
import { bringUpBy, type RunningSite } from './running-site.ts'
import type { Stack } from './stack.ts'

/** What every suite gets. */
export interface SiteUnderTest extends RunningSite {
  readonly containers: StartedDockerComposeEnvironment
}

/** Builds the home and brings docker-compose.yml up in it by testcontainers. Cleans up when that fails. */
export async function bringUp(): Promise<SiteUnderTest> {
  const [site, containers] = await bringUpBy(composeUp)
  return { ...site, containers }
}

async function composeUp(stack: Stack): Promise<StartedDockerComposeEnvironment> {
  // testcontainers takes the engine and the client from the environment.
  process.env['DOCKER_HOST'] = await dockerHost()
  process.env['PATH'] = `${dirname(await dockerClient())}:${process.env['PATH']}`
  // No reaper: it would have to be pulled, and clearHome removes what a crashed run left.
  return new DockerComposeEnvironment(ROOT, 'docker-compose.yml')
    .withProjectName(PROJECT)
    .withEnvironment({ ...stack.environment })
    .withAutoCleanup(false)
    .withDefaultWaitStrategy(Wait.forHealthCheck())
    .withStartupTimeout(180_000)
    .up()
}
