/**
 * `make fuzz-dns64`: mutated queries and mutated upstream answers through the whole name server for FUZZ_SECONDS (30),
 * from FUZZ_SEED (the time). Exit status 1 when something was treated wrongly.
 */
import { numberFrom, Random } from '@sixgate/testkit'
import { fuzz } from './run.ts'

const seconds = numberFrom('FUZZ_SECONDS', 30)
const seed = numberFrom('FUZZ_SEED', Date.now() % 2 ** 31)
const endMs = performance.now() + seconds * 1000
const report = await fuzz(new Random(seed), () => performance.now() > endMs)
for (const finding of report.findings) process.stdout.write(`FOUND ${finding}\n`)
process.stdout.write(
  `fuzz-dns64: ${report.packets} packets, ${report.replies} replies, slowest ${report.slowestMs.toFixed(1)} ms, ` +
    `${report.findings.length} findings\nFUZZ_SEED=${seed}\n`,
)
process.exitCode = report.findings.length === 0 ? 0 : 1
