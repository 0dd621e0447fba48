/**
 * `make fuzz-ra`, `fuzz-site`, `fuzz-bus`, `fuzz-web`: odd inputs for FUZZ_SECONDS (30), from FUZZ_SEED (the time). What is treated wrongly is kept in
 * e2e/fuzz/testdata, where findings.test.ts replays it; exit status 1.
 */
import { enterNamespace, numberFrom, Random } from '@sixgate/testkit'
import { fuzz } from './run.ts'
import { TARGETS } from './targets/all.ts'
import { WEB } from './targets/web.ts'

const [name = ''] = process.argv.slice(2)
const all = [...TARGETS, WEB]
const target = all.find((one) => one.name === name)
if (target === undefined) throw new Error(`"${name}": must be one of ${all.map((one) => one.name).join(', ')}`)
const obstacle = target === WEB && enterNamespace()
if (obstacle !== false) throw new Error(`fuzz-web ${obstacle}`)
const seconds = numberFrom('FUZZ_SECONDS', 30)
const seed = numberFrom('FUZZ_SEED', Date.now() % 2 ** 31)
const endMs = performance.now() + seconds * 1000
const { inputs, findings } = await fuzz(target, new Random(seed), () => performance.now() > endMs)
await target.close?.()
for (const finding of findings) process.stdout.write(`FOUND ${finding}\n`)
process.stdout.write(`fuzz-${name}: ${inputs} inputs in ${seconds} s, ${findings.length} findings\nFUZZ_SEED=${seed}\n`)
process.exitCode = findings.length === 0 ? 0 : 1
