import type { Link } from '@sixgate/bus'
import type { z } from 'zod'
import { anyAnswer, restoredAnswer } from '../core/answers.ts'
import type { KeptMapping } from '../core/backup.ts'
import { askInstances } from './ask-instances.ts'

/** What nat64 takes at one question. */
const PAGE = 200
/** A host that asks for an address at the very moment is asked for once more. */
const ROUNDS = 3

type RestoredPage = z.infer<typeof restoredAnswer>

export interface RestoredMappings extends RestoredPage {
  readonly complaints: readonly string[]
}

/** Gives hosts the addresses of a backup, by one instance of nat64; the others hear it from NATS. Throws KvError. */
export const restoreMappings = async (link: Link, mappings: readonly KeptMapping[]): Promise<RestoredMappings> => {
  const { answers, complaints } = await askInstances(link, 'nat64', 'hosts', { limit: 1 }, anyAnswer)
  const instance = answers[0]?.instance
  const total = { restored: 0, already: 0, unfit: [] as string[], busy: [] as string[] }
  if (instance === undefined) return { ...total, complaints }
  let left = mappings
  for (let round = 0; round < ROUNDS && left.length > 0; round++) {
    const busy = new Set<string>()
    for (let at = 0; at < left.length; at += PAGE) {
      const body = { instance, mappings: left.slice(at, at + PAGE) }
      const said = await askInstances(link, 'nat64', 'restore-mappings', body, restoredAnswer)
      const page = said.answers.find((one) => one.instance === instance)?.answer
      if (page === undefined) return { ...total, busy: [...busy], complaints: said.complaints }
      total.restored += page.restored
      total.already += page.already
      total.unfit.push(...page.unfit)
      for (const ip4 of page.busy) busy.add(ip4)
    }
    left = left.filter(({ ip4 }) => busy.has(ip4))
  }
  return { ...total, busy: left.map(({ ip4 }) => ip4), complaints: [] }
}
