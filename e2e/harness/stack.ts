import { resolve } from 'node:path'
import { docker, ROOT, tryDocker } from './engine.ts'
import type { Result } from './command.ts'

/** The services of docker-compose.yml that stay up, in the order in which the restart suite takes them. */
export const SERVICES = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall', 'console', 'nats'] as const
export type ServiceName = (typeof SERVICES)[number]

/** What of the Pi's files the stack sees. */
interface Directories {
  readonly siteDir: string
  readonly resolvDir: string
  /** More of what compose files read from the environment. */
  readonly variables?: Readonly<Record<string, string>>
}

/** The real docker-compose.yml in the site engine. */
export class Stack {
  readonly #project: string
  readonly #home: Directories
  readonly #files: readonly string[]

  /** `files`: compose files, from the repository's root, or absolute. */
  constructor(project: string, home: Directories, files: readonly string[] = ['docker-compose.yml']) {
    this.#project = project
    this.#home = home
    this.#files = files
  }

  /** The same stack with one more compose file on top. */
  with(file: string): Stack {
    return new Stack(this.#project, this.#home, [...this.#files, file])
  }

  /** `docker compose …`: stdout, or CommandError. */
  compose(argv: readonly string[], deadlineS = 120): Promise<string> {
    return docker(this.#argv(argv), { deadlineS, env: this.environment })
  }

  /** `docker compose …`, any exit code. */
  tryCompose(argv: readonly string[], deadlineS = 120): Promise<Result> {
    return tryDocker(this.#argv(argv), { deadlineS, env: this.environment })
  }

  /** What Docker's health checks of a service said last, as JSON; for people. */
  async health(service: string): Promise<string> {
    const { stdout: ids } = await this.tryCompose(['ps', '--all', '--quiet', service])
    const containers = ids.split('\n').filter((id) => id !== '')
    if (containers.length === 0) return `no container of ${service}`
    return (await tryDocker(['inspect', '--format', '{{json .State.Health}}', ...containers])).stdout
  }

  /** What docker-compose.yml reads from the environment. */
  get environment(): Readonly<Record<string, string>> {
    const { siteDir, resolvDir, variables } = this.#home
    return { SIXGATE_SITE_DIR: siteDir, SIXGATE_RESOLV_DIR: resolvDir, ...variables }
  }

  /** `sixgate …`, the console's command line. Its deadline is for a command that hangs: on a busy machine Docker alone takes half a minute. */
  sixgate(argv: readonly string[]): Promise<Result> {
    return this.tryCompose(['exec', '-T', 'console', 'sixgate', ...argv])
  }

  #argv(argv: readonly string[]): string[] {
    return ['compose', '-p', this.#project, ...this.#files.flatMap((file) => ['-f', resolve(ROOT, file)]), ...argv]
  }
}
