/**
 * `make fuzz-ra`, `fuzz-site`, `fuzz-bus`: odd inputs for FUZZ_SECONDS (30), from FUZZ_SEED (the time). What is treated wrongly is kept in
 * e2e/fuzz/testdata, where findings.test.ts replays it; exit status 1.
 */
import { numberFrom, Random } from '@sixgate/testkit'
import { fuzz } from './run.ts'
import { TARGETS } from './targets/all.ts'

const [name = ''] = process.argv.slice(2)
const target = TARGETS.find((one) => one.name === name)
if (target === undefined) throw new Error(`"${name}": must be one of ${TARGETS.map((one) => one.name).join(', ')}`)
const seconds = numberFrom('FUZZ_SECONDS', 30)
const seed = numberFrom('FUZZ_SEED', Date.now() % 2 ** 31)
const endMs = performance.now() + seconds * 1000
const { inputs, findings } = await fuzz(target, new Random(seed), () => performance.now() > endMs)
for (const finding of findings) process.stdout.write(`FOUND ${finding}\n`)
process.stdout.write(`fuzz-${name}: ${inputs} inputs in ${seconds} s, ${findings.length} findings\nFUZZ_SEED=${seed}\n`)
process.exitCode = findings.length === 0 ? 0 : 1
