import type { Link } from '@sixgate/bus'
import { formatPath, readSite, SiteError } from '@sixgate/site'
import { diffTexts } from '../core/document-diff.ts'
import { findRevision } from '../core/history.ts'
import { summariesOf } from '../core/history-rows.ts'
import type { Config, ConfigCheck, Events } from '../core/web/schemas.ts'
import { type DocumentStore, SaveRefused } from '../io/document-store.ts'
import { siteEvents } from '../io/events.ts'
import type { Handlers } from './api-server.ts'
import type { PendingEdit } from './pending-edit.ts'
import { RequestError } from './request-error.ts'

export interface ConfigSources {
  readonly link: Link
  readonly store: DocumentStore
  readonly pending: PendingEdit
  readonly siteFile: string
  readonly autoFile: string
  readonly revision: () => number
}

const issuesOf = ({ issues }: SiteError): ConfigCheck['issues'] =>
  issues.map(({ line, column, path, message }) => ({
    line: line ?? null,
    column: column ?? null,
    path: formatPath(path),
    message,
  }))

/** What a save may end with, as an answer. */
const refusalOf = (error: unknown): unknown => {
  if (error instanceof SiteError) return new RequestError(400, 'no-document', error.message)
  if (error instanceof SaveRefused) return new RequestError(409, error.code, error.message)
  return new RequestError(503, 'not-written', error instanceof Error ? error.message : String(error))
}

/** The site document as text: looking at it, checking an edit, writing it back with a time to confirm; and what happened. */
export const configHandlers = ({
  link,
  store,
  pending,
  siteFile,
  autoFile,
  revision,
}: ConfigSources): Pick<
  Handlers,
  'config' | 'history' | 'revisionText' | 'checkConfig' | 'applyConfig' | 'confirmConfig' | 'rollbackConfig' | 'events'
> => {
  const config = (): Config => {
    const { text } = store
    if (text === undefined)
      throw new RequestError(503, 'unreadable', `${siteFile}: cannot be read; see: sixgate status`)
    return {
      text,
      revision: revision(),
      nowMs: Date.now(),
      confirmUntilMs: pending.endsMs ?? null,
      obstacle: store.obstacle ?? null,
    }
  }
  const saving = async (work: () => Promise<void>): Promise<Config> => {
    try {
      await work()
    } catch (error) {
      throw refusalOf(error)
    }
    return config()
  }
  return {
    config,
    history: () => ({
      revisions: summariesOf(store.history).map(({ reasons, changed, ...rest }) => ({
        ...rest,
        reasons: [...reasons],
        changed: changed === undefined ? null : [...changed],
      })),
    }),
    revisionText: ({ query }) => {
      const result = findRevision(store.history, String(query.revision))
      if ('missing' in result) throw new RequestError(404, 'no-such-revision', result.missing)
      const { revision: found, text } = result.found
      return { revision: found, text }
    },
    checkConfig: async ({ body: { text } }) => {
      const diff = diffTexts(store.text ?? '', text).map(({ lines, ...rest }) => ({ ...rest, lines: [...lines] }))
      try {
        await readSite(text, siteFile, autoFile)
        return { issues: [], diff }
      } catch (error) {
        if (!(error instanceof SiteError)) throw error
        return { issues: issuesOf(error), diff }
      }
    },
    applyConfig: async ({ body }) =>
      await saving(async () => await pending.apply(body.text, body.expected, body.confirmS)),
    confirmConfig: () => {
      pending.confirm()
      return config()
    },
    rollbackConfig: async () => await saving(async () => await pending.rollBack()),
    events: async ({ query: { limit } }) => {
      const events: Events['events'] = []
      for await (const { atMs, service, instance, kind, level, message } of siteEvents(link, { newest: limit }))
        events.push({ atMs, service, instance, kind, level, message })
      return { events: events.toReversed().slice(0, limit) }
    },
  }
}
