import { docker, ROOT, tryDocker } from './engine.ts'
import type { Result } from './command.ts'

/** The services of docker-compose.yml that stay up, in the order in which the restart suite takes them. */
export const SERVICES = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall', 'console', 'nats'] as const
export type ServiceName = (typeof SERVICES)[number]

/** What of the Pi's files the stack sees. */
interface Directories {
  readonly siteDir: string
  readonly resolvDir: string
}

/** The real docker-compose.yml in the site engine. */
export class Stack {
  readonly #project: string
  readonly #home: Directories
  readonly #files: readonly string[]

  /** `files`: compose files, from the repository's root. */
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

  /** What docker-compose.yml reads from the environment. */
  get environment(): Readonly<Record<string, string>> {
    return { SIXGATE_SITE_DIR: this.#home.siteDir, SIXGATE_RESOLV_DIR: this.#home.resolvDir }
  }

  /** `sixgate …`, the console's command line. */
  sixgate(argv: readonly string[]): Promise<Result> {
    return this.tryCompose(['exec', '-T', 'console', 'sixgate', ...argv], 30)
  }

  #argv(argv: readonly string[]): string[] {
    return ['compose', '-p', this.#project, ...this.#files.flatMap((file) => ['-f', `${ROOT}${file}`]), ...argv]
  }
}
