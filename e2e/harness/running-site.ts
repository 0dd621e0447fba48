import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildHome, clearHome, type Home, PROJECT } from '../topologies/home.ts'
import { clientConfigured } from '../transcript/ready.ts'
import { ROOT } from './engine.ts'
import { healthy } from './healthy.ts'
import { type NetnsState, netnsState } from './netns-state.ts'
import { converged } from './site-status.ts'
import { Stack } from './stack.ts'

/** With all patience. */
const UP_S = 600

/** A site that is up, with what it was before. */
export interface RunningSite {
  readonly home: Home
  readonly stack: Stack
  /** This machine's own namespace before anything was made. */
  readonly machineBefore: NetnsState
  /** The Pi's namespace before `docker compose up`. */
  readonly piBefore: NetnsState
  /** Replaces the site document in one step, as an editor does; nothing is awaited. */
  writeDocument(text: string): Promise<void>
  readDocument(): Promise<string>
}

/**
 * Builds the home and brings docker-compose.yml up in it by `docker compose up` alone, with all patience: on a machine that has much
 * else to do, Docker's health checks take longer than they may, while the services are well.
 */
export async function bringUpPatiently(): Promise<RunningSite> {
  const up = async (stack: Stack): Promise<void> => {
    await stack.compose(['up', '-d', '--no-build'], UP_S)
    await healthy(stack, UP_S)
  }
  const [site] = await bringUpBy(up, UP_S)
  return site
}

/** Builds the home, brings docker-compose.yml up in it by `up`, and awaits that all is well. Cleans up when that fails. */
export async function bringUpBy<T>(up: (stack: Stack) => Promise<T>, deadlineS = 120): Promise<[RunningSite, T]> {
  const machineBefore = await netnsState({ pid: process.pid })
  try {
    const home = await buildHome(await readFile(join(ROOT, 'e2e/site/site.yaml'), 'utf8'))
    const piBefore = await netnsState(home.piNetns)
    const stack = new Stack(PROJECT, home)
    const started = await up(stack)
    await converged(stack, undefined, deadlineS)
    await clientConfigured(home.client)
    const file = join(home.siteDir, 'site.yaml')
    const site = {
      home,
      stack,
      machineBefore,
      piBefore,
      readDocument: () => readFile(file, 'utf8'),
      writeDocument: async (text: string) => {
        await writeFile(`${file}.new`, text)
        await rename(`${file}.new`, file)
      },
    }
    return [site, started]
  } catch (error) {
    await clearHome()
    throw error
  }
}
