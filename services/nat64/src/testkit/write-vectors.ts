/** `node services/nat64/src/testkit/write-vectors.ts`: writes testdata/ anew from the tables in vectors/. */
import { writeVectors } from './vectors/files.ts'

process.stdout.write(`${writeVectors()} files\n`)
