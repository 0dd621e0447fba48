/** An image, as its labels and the engine tell it. */
export interface Image {
  /** E.g. `sixgate/nat64`. */
  readonly name: string
  /** Label org.opencontainers.image.version. */
  readonly version: string
  /** `sha256:…` of its configuration. */
  readonly id: string
  /** `arm64`, `amd64`. */
  readonly arch: string
}

/** What is read of CycloneDX 1.5. */
export interface Bom {
  readonly metadata: object
  readonly components: readonly object[]
  readonly [key: string]: unknown
}

/** One package in each line: name, version, architecture, name of its source, with tabs between. */
export const DPKG_FORMAT = '${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\n'

const debianComponents = (dpkg: string): object[] =>
  dpkg
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name, version, arch, source, ...rest] = line.split('\t')
      if (name === undefined || version === undefined || arch === undefined || source === undefined || rest.length > 0)
        throw new Error(
          `dpkg-query: "${line}": a name, a version, an architecture and a source are allowed, with tabs between`,
        )
      const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}`
      const properties = [{ name: 'debian:source', value: source }]
      return { type: 'library', 'bom-ref': purl, name, version, purl, properties }
    })

/** The bill of an image: the packages of npm (`npm sbom --sbom-format cyclonedx`), those of Debian, and Node. */
export const billOfMaterials = (npm: Bom | undefined, node: string | undefined, dpkg: string, image: Image): Bom => {
  const { name, version, id, arch } = image
  const runtime =
    node === undefined ? [] : [{ type: 'platform', name: 'node', version: node, purl: `pkg:generic/node@${node}` }]
  return {
    ...(npm ?? {
      $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
    }),
    serialNumber: `urn:uuid:${uuidOf(id)}`,
    version: 1,
    metadata: {
      component: {
        type: 'container',
        'bom-ref': `${name}@${id}`,
        name,
        version,
        purl: `pkg:oci/${name.split('/').at(-1)}@${encodeURIComponent(id)}?arch=${arch}`,
      },
    },
    components: [...runtime, ...(npm?.components ?? []), ...debianComponents(dpkg)],
    // The graph of npm's packages hangs on the root of the working tree, which is no component of an image.
    dependencies: [],
  }
}

/** The same image has the same serial number (RFC 9562 §5.8: a UUID of one's own making). */
const uuidOf = (id: string): string => {
  const hex = id.replace(/^sha256:/, '')
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
