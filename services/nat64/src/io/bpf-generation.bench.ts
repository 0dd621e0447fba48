/** Milliseconds that the main thread needs to fill the fast path's maps and to read when hosts were seen. As root. */
import { readFileSync } from 'node:fs'
import { asIp4, asIp6 } from '@sixgate/addr'
import { enterNamespace } from '@sixgate/testkit'
import { type FastPathHost, fastPathPlan } from '../core/fast-path-plan.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { addressMapConfig } from '../testkit/core-lab.ts'
import { Generation } from './bpf-generation.ts'
import { readBpfObject } from './bpf-object.ts'
import { OBJECT_FILE } from './fast-path.ts'

const HOSTS = 65_536
const ROUNDS = 5

const hostOf = (index: number): FastPathHost => {
  const ip6 = new Uint8Array(16)
  ip6.set([0xfd, 0, 0, 6])
  new DataView(ip6.buffer).setUint32(12, index)
  return { ip6: asIp6(ip6), ip4: asIp4(0xc612_0000 + index), pref: 0 }
}

const timed = (work: () => void): number => {
  const started = performance.now()
  work()
  return performance.now() - started
}

const main = (): void => {
  const skip = enterNamespace()
  if (skip !== false) throw new Error(skip)
  const object = readBpfObject(readFileSync(OBJECT_FILE), 'tc')
  const hosts = Array.from({ length: HOSTS }, (_, index) => hostOf(index))
  const plan = fastPathPlan(addressMapConfig({}), DEFAULT_SETTINGS, 1500)
  for (const knowsBatches of [true, false]) {
    const rounds = Array.from({ length: ROUNDS }, () => {
      const generation = new Generation(object, plan, HOSTS, { knowsBatches })
      const fill = timed(() => {
        generation.installAll(hosts)
      })
      const read = timed(() => {
        generation.usages()
      })
      generation.close()
      return { fill, read }
    })
    for (const name of ['fill', 'read'] as const) {
      const figures = rounds.map((round) => Math.round(round[name])).toSorted((a, b) => a - b)
      process.stdout.write(`${name} ${HOSTS} hosts${knowsBatches ? '' : ', one by one'}: ${figures.join(' ')} ms\n`)
    }
  }
}

main()
