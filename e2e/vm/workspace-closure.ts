import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** What a set of workspaces needs: folders of the working tree, and packages in its node_modules. */
export interface Closure {
  /** E.g. `shared/addr`. */
  readonly workspaces: ReadonlySet<string>
  /** E.g. `zod`, `@nats-io/kv`. */
  readonly packages: ReadonlySet<string>
}

const SCOPE = '@sixgate/'

/**
 * Workspaces and npm packages that `workspaces` and `packages` depend on, themselves included. Optional packages that are
 * not installed (those of other platforms) are left out. Throws when one that must be there is not.
 */
export const closureOf = (root: string, workspaces: readonly string[], packages: readonly string[]): Closure => {
  const found = { workspaces: new Set<string>(), packages: new Set<string>() }
  const visit = (folder: string): void => {
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(root, folder, 'package.json'), 'utf8'),
    ) as Manifest
    for (const name of Object.keys(dependencies ?? {})) take(name)
    for (const name of Object.keys(optionalDependencies ?? {}))
      if (existsSync(join(root, 'node_modules', name))) take(name)
  }
  const take = (name: string): void => {
    if (name.startsWith(SCOPE)) {
      takeWorkspace(`shared/${name.slice(SCOPE.length)}`)
      return
    }
    if (found.packages.has(name)) return
    found.packages.add(name)
    visit(`node_modules/${name}`)
  }
  const takeWorkspace = (folder: string): void => {
    if (found.workspaces.has(folder)) return
    found.workspaces.add(folder)
    visit(folder)
  }
  for (const folder of workspaces) takeWorkspace(folder)
  for (const name of packages) take(name)
  return found
}
