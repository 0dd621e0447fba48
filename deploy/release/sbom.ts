/**
 * Writes a bill of materials (CycloneDX 1.5, JSON) for each image that is named, and prints the table of their sizes:
 *
 *   node deploy/release/sbom.ts FOLDER IMAGE…      (by `deploy/machine/images.sh sbom FOLDER`, which knows engine and images)
 *
 * The engine is that of DOCKER_HOST; nothing of an image is run but dpkg-query and `node --version`, without a network.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bom, billOfMaterials, DPKG_FORMAT } from './bill-of-materials.ts'

const ROOT = join(import.meta.dirname, '../..')
const NODE_IMAGE = 'node:26-trixie-slim'
const MB = 1e6

interface Inspected {
  readonly Id: string
  readonly Architecture: string
  readonly Size: number
  readonly RootFS: { readonly Layers: readonly string[] }
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null }
}

const outputOf = (file: string, argv: readonly string[]): string =>
  execFileSync(file, argv, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] })

const docker = (...argv: readonly string[]): string => outputOf(process.env['DOCKER'] ?? 'docker', argv)

const inspect = (image: string): Inspected => {
  const [found] = JSON.parse(docker('image', 'inspect', image)) as Inspected[]
  if (found === undefined) throw new Error(`no image ${image}`)
  return found
}

const main = (folder: string, images: readonly string[]): void => {
  const [npm, ...npmArgv] = ['npm', 'exec', '--yes', '--package=npm@11', '--', 'npm', 'sbom'] as const
  const packages = JSON.parse(
    outputOf(npm, [...npmArgv, '--package-lock-only', '--omit=dev', '--sbom-format', 'cyclonedx']),
  ) as Bom
  mkdirSync(folder, { recursive: true })
  const base = inspect(NODE_IMAGE)
  for (const image of images) {
    const { Id: id, Architecture: arch, Size: size, Config, RootFS } = inspect(image)
    const hasNode = base.RootFS.Layers.every((layer, index) => RootFS.Layers[index] === layer)
    const name = image.replace(/:latest$/, '')
    const version = Config.Labels?.['org.opencontainers.image.version'] ?? 'unknown'
    const inImage = (program: string, ...argv: readonly string[]): string =>
      docker('run', '--rm', '--network=none', `--platform=linux/${arch}`, `--entrypoint=${program}`, image, ...argv)
    const debian = inImage('dpkg-query', '--show', '--showformat', DPKG_FORMAT)
    const node = hasNode ? inImage('node', '--version').trim().replace(/^v/, '') : undefined
    const bom = billOfMaterials(hasNode ? packages : undefined, node, debian, { name, version, id, arch })
    const file = join(folder, `${name.replaceAll(/[/:]/g, '-')}-${arch}.cdx.json`)
    writeFileSync(file, `${JSON.stringify(bom, undefined, 2)}\n`)
    const ofIt = hasNode ? `, ${((size - base.Size) / MB).toFixed(1)} over the Node base` : ''
    process.stdout.write(
      `${name} ${version} ${arch}: ${(size / MB).toFixed(1)} MB${ofIt}; ${bom.components.length} components: ${file}\n`,
    )
  }
}

const [folder, ...images] = process.argv.slice(2)
if (folder === undefined || images.length === 0) {
  process.stderr.write('sbom.ts: needs a folder and the names of images\n')
  process.exitCode = 2
} else main(folder, images)
