/**
 * `make fuzz-nat64`: mutated real packets through the translator for FUZZ_SECONDS (30), from FUZZ_SEED (the time).
 * Prints what it did; a packet that is treated wrongly is kept in testdata/fuzz/, where a unit test replays it.
 */
import { numberFrom, Random } from '@sixgate/testkit'
import { VERDICT_NAMES } from '../core/verdict.ts'
import type { Octets } from '../testkit/packet-builder.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import type { Vector } from '../testkit/vectors/vector.ts'
import { complaintOf, keepFinding } from './findings.ts'
import { Judge, type Judgement } from './judge.ts'
import { mutate } from './mutate.ts'
import { shrink } from './shrink.ts'

/** A run ends with so many findings: the rest are mostly the same ones again. */
const ENOUGH = 10

const seconds = numberFrom('FUZZ_SECONDS', 30)
const seed = numberFrom('FUZZ_SEED', Date.now() % 2 ** 31)
const packets = VECTORS.map((vector) => vector.in)

/** The packets of this run, from its first one. */
function* mutated(): Generator<{ readonly vector: Vector; readonly octets: Octets }> {
  const random = new Random(seed)
  for (;;) {
    const vector = random.pick(VECTORS)
    yield { vector, octets: mutate(vector.in, random, packets) }
  }
}

const siteOf = ({ options = {} }: Vector): string =>
  JSON.stringify(options, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value))
const sites = new Map(VECTORS.map((vector) => [siteOf(vector), new Judge(vector.options)]))
const siteByVector = new Map(VECTORS.map((vector) => [vector, siteOf(vector)]))

/** The last packet of the run so far, and before it what is needed of the earlier ones to the same site. */
const whatItTakes = (last: Vector, count: number, complaint: string): readonly Octets[] => {
  const site = siteByVector.get(last)
  const all = mutated()
    .take(count)
    .filter(({ vector }) => siteByVector.get(vector) === site)
    .map(({ octets }) => octets)
    .toArray()
  const fails = (some: readonly Octets[]): boolean => complaintOf(last, some) === complaint
  const alone = all.slice(-1)
  return fails(alone) ? alone : (shrink(all, fails) ?? alone)
}

const treat = (judge: Judge, octets: readonly number[]): Judgement => {
  try {
    return judge.judge(octets)
  } catch (error) {
    return { verdict: 'CONTINUE', complaint: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

const started = performance.now()
const counts = new Map<string, number>()
const found = new Map<string, string>()
let executions = 0
for (const { vector, octets } of mutated()) {
  if (performance.now() - started >= seconds * 1000 || found.size >= ENOUGH) break
  const { verdict, complaint } = treat(sites.get(siteByVector.get(vector) ?? '') as Judge, octets)
  executions += 1
  counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  // One packet for each kind of complaint is enough.
  if (complaint !== undefined && !found.has(complaint)) {
    found.set(complaint, keepFinding(vector, whatItTakes(vector, executions, complaint)))
    process.stdout.write(`FOUND ${complaint}\n      ${verdict} ${found.get(complaint)}\n`)
  }
}

for (const [verdict, count] of [...counts].toSorted((a, b) => b[1] - a[1]))
  process.stdout.write(`${String(count).padStart(9)}  ${verdict}\n`)
const unmet = VERDICT_NAMES.filter((name) => name !== undefined && !counts.has(name))
const elapsedS = (performance.now() - started) / 1000
process.stdout.write(
  `fuzz-nat64: ${executions} packets in ${elapsedS.toFixed(1)} s (${Math.round(executions / elapsedS)}/s), ${sites.size} sites, ` +
    `verdicts not met: ${unmet.join(' ')}\nFUZZ_SEED=${seed}, ${found.size} findings\n`,
)
process.exitCode = found.size === 0 ? 0 : 1
