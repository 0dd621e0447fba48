import type { Link } from '@sixgate/bus'
import type { z } from 'zod'
import { queriesAnswer, topNamesAnswer } from '../core/answers.ts'
import type { NamesOfInstance, QueriesOfInstance } from '../core/dns-queries.ts'
import { askInstances } from './ask-instances.ts'

/** Which queries: each may be left out. */
export interface QueryFilter {
  /** A part of the name. */
  readonly name?: string | undefined
  readonly client?: string | undefined
  readonly type?: string | undefined
  readonly rcode?: string | undefined
  readonly reason?: string | undefined
  readonly limit: number
}

interface Told<T> {
  readonly answers: readonly T[]
  readonly complaints: string[]
  /** As askInstances has it. */
  readonly wrong?: string
}

/** As many as an instance counts: none is cut off before they are added up. */
const ALL_NAMES = 1024

const ask = async <T>(link: Link, question: string, body: unknown, schema: z.ZodType<T>): Promise<Told<T>> => {
  const { answers, complaints, ...rest } = await askInstances(link, 'dns64', question, body, schema)
  return { ...rest, answers: answers.map(({ answer }) => answer), complaints: [...complaints] }
}

/** The newest queries that each instance of dns64 keeps. Throws KvError. */
export const askQueries = async (link: Link, filter: QueryFilter): Promise<Told<QueriesOfInstance>> =>
  await ask(link, 'queries', filter, queriesAnswer)

/** The names that each instance of dns64 counts. Throws KvError. */
export const askTopNames = async (link: Link): Promise<Told<NamesOfInstance>> =>
  await ask(link, 'top-names', { limit: ALL_NAMES }, topNamesAnswer)
