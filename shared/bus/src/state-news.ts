import type { Happening } from '@sixgate/obs/happening'
import type { Condition } from './applier.ts'

/** What a change of condition is worth telling: a service that becomes well or is not any more, problems that come and go. */
export const stateNews = (before: Condition | undefined, now: Condition): Happening[] => {
  const had = new Set(before?.problems.map(({ code }) => code))
  const has = new Set(now.problems.map(({ code }) => code))
  // Problems by their code: a message may count seconds.
  const come = now.problems
    .filter(({ code }, index) => !had.has(code) && now.problems.findIndex((other) => other.code === code) === index)
    .map(
      ({ code, message }): Happening => ({
        kind: now.state === 'rejected' && code !== 'no-document' ? 'document-refused' : 'problem',
        level: 'warn',
        message,
        details: { code },
      }),
    )
  const gone = [...had]
    .filter((code) => !has.has(code))
    .map((code): Happening => ({ kind: 'problem-over', message: `over: ${code}`, details: { code } }))
  const isChanged = before?.state !== now.state
  const wasUnwell = before !== undefined && before.state !== 'ok' && before.state !== 'starting'
  const state: Happening[] =
    !isChanged || now.state === 'starting'
      ? []
      : now.state === 'ok'
        ? [{ kind: wasUnwell ? 'service-well' : 'service-started', message: wasUnwell ? 'is well again' : 'is well' }]
        : now.state === 'stopping'
          ? [{ kind: 'service-stopping', message: 'is stopped' }]
          : [{ kind: 'service-unwell', level: 'warn', message: `is ${now.state}` }]
  return [...state, ...come, ...gone]
}
