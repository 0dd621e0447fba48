import manifest from '../package.json' with { type: 'json' }

/** Version of the program, the same for all services of a release. */
export const VERSION: string = manifest.version
