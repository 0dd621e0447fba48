import { ask, isOnGateway, type Link } from '@sixgate/bus'
import type { z } from 'zod'
import { printable } from '../core/columns.ts'
import { SILENT_MS } from '../core/convergence.ts'
import { notUnderstood } from './ask-instances.ts'
import { readReports } from './reports.ts'
import { unlessMissing } from './unless-missing.ts'

/** What the console's daemon said; `complaint`: it did not do it, and why. */
export type Said<T> =
  | { readonly answer: T; readonly complaint?: undefined }
  | { readonly answer?: undefined; readonly complaint: string }

/** How a console that stands by ends its refusal. */
export const STANDS_BY = 'stands by: another console of this machine is active'

/** Whom to ask: `gateway` is the name of this one; undefined: the only one. */
export interface Asked {
  readonly link: Link
  readonly gateway: string | undefined
}

/**
 * Asks the daemon of this gateway's console for something that it alone does: of several consoles the active one, since those that stand by
 * refuse, as do those of other gateways, which hear it too. Throws KvError.
 */
export const askConsole = async <T>(
  { link, gateway }: Asked,
  question: string,
  body: unknown,
  schema: z.ZodType<T>,
): Promise<Said<T>> => {
  const nowMs = Date.now()
  const reports = await unlessMissing(readReports(link), [])
  const expected = reports.filter(({ service, atMs }) => service === 'console' && nowMs - atMs < SILENT_MS).length
  const heard = await ask(link, { service: 'console', question, body, expected })
  const answers = heard.filter(({ instance }) => isOnGateway(instance, gateway))
  const done = answers.find(({ refused }) => refused === undefined)
  if (done !== undefined) {
    const { data, error } = schema.safeParse(done.answer)
    return error === undefined
      ? { answer: data }
      : { complaint: printable(notUnderstood(`console ${done.instance}`, question, error)) }
  }
  const refusals = answers.flatMap(({ refused }) => refused ?? [])
  const refusal = refusals.find((one) => !one.endsWith(STANDS_BY)) ?? refusals[0]
  if (refusal !== undefined) return { complaint: printable(refusal) }
  return {
    complaint: 'the console does not run, which alone writes site.yaml; see: docker compose ps --all console',
  }
}
