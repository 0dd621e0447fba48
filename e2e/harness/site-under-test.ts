import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers'
import { buildHome, clearHome, type Home, PROJECT } from '../topologies/home.ts'
import { clientConfigured } from '../transcript/ready.ts'
import { dockerClient, dockerHost, ROOT } from './engine.ts'
import { type NetnsState, netnsState } from './netns-state.ts'
import { converged } from './site-status.ts'
import { Stack } from './stack.ts'

/** A site that is up, with what it was before: what every suite gets. */
export interface SiteUnderTest {
  readonly home: Home
  readonly stack: Stack
  readonly containers: StartedDockerComposeEnvironment
  /** This machine's own namespace before anything was made. */
  readonly machineBefore: NetnsState
  /** The Pi's namespace before `docker compose up`. */
  readonly piBefore: NetnsState
  /** Replaces the site document in one step, as an editor does; nothing is awaited. */
  writeDocument(text: string): Promise<void>
  readDocument(): Promise<string>
}

/** Builds the home and brings docker-compose.yml up in it by testcontainers. Cleans up when that fails. */
export async function bringUp(): Promise<SiteUnderTest> {
  const machineBefore = await netnsState({ pid: process.pid })
  try {
    const home = await buildHome(await readFile(join(ROOT, 'e2e/site/site.yaml'), 'utf8'))
    const piBefore = await netnsState(home.piNetns)
    const stack = new Stack(PROJECT, home)
    const containers = await composeUp(stack)
    await converged(stack)
    await clientConfigured(home.client)
    const file = join(home.siteDir, 'site.yaml')
    return {
      home,
      stack,
      containers,
      machineBefore,
      piBefore,
      readDocument: () => readFile(file, 'utf8'),
      writeDocument: async (text) => {
        await writeFile(`${file}.new`, text)
        await rename(`${file}.new`, file)
      },
    }
  } catch (error) {
    await clearHome()
    throw error
  }
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
