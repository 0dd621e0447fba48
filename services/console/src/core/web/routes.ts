/** Every route of the API: who may call it, what goes in, what comes out. */
import { z } from 'zod'
import { METRICS_CONTENT_TYPE } from '../metrics.ts'
import * as answers from './schemas.ts'

/** `anybody`; `reader`: the owner's session, or a token; `owner`: the session alone. */
export type Access = 'anybody' | 'reader' | 'owner'

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: `/api/v1/${string}` | '/metrics'
  readonly access: Access
  readonly summary: string
  readonly query?: z.ZodObject
  readonly body?: z.ZodObject
  readonly answer: z.ZodType
  /** Of an answer that is text; without it the answer is JSON. */
  readonly mediaType?: string
}

/** A number in a query: decimal digits and nothing else. */
const decimal = (schema: z.ZodNumber) =>
  z.preprocess((text) => (typeof text === 'string' && /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : text), schema)

const MIN_PASSWORD = 10
/** What scrypt has to chew on is bounded. */
const MAX_PASSWORD = 200
const newPassword = z.string().min(MIN_PASSWORD).max(MAX_PASSWORD)
const knownPassword = z.string().min(1).max(MAX_PASSWORD)

export const ROUTES = {
  session: {
    method: 'GET',
    path: '/api/v1/session',
    access: 'anybody',
    summary: 'Whether the caller is logged in, and whether a password was set yet',
    answer: answers.session,
  },
  setup: {
    method: 'POST',
    path: '/api/v1/setup',
    access: 'anybody',
    summary: 'Sets the first password; `code` is what `sixgate web` prints. Logs in',
    body: z.strictObject({ code: z.string().min(1).max(100), password: newPassword }),
    answer: answers.session,
  },
  login: {
    method: 'POST',
    path: '/api/v1/login',
    access: 'anybody',
    summary: 'Opens a session, whose cookie comes with the answer',
    body: z.strictObject({ password: knownPassword }),
    answer: answers.session,
  },
  logout: {
    method: 'POST',
    path: '/api/v1/logout',
    access: 'owner',
    summary: 'Ends the session',
    body: z.strictObject({}),
    answer: answers.session,
  },
  password: {
    method: 'POST',
    path: '/api/v1/password',
    access: 'owner',
    summary: 'Changes the password; every other session ends',
    body: z.strictObject({ current: knownPassword, password: newPassword }),
    answer: answers.session,
  },
  tokens: {
    method: 'GET',
    path: '/api/v1/tokens',
    access: 'owner',
    summary: 'The tokens that there are; what they are made of is never shown again',
    answer: answers.tokens,
  },
  addToken: {
    method: 'POST',
    path: '/api/v1/tokens/add',
    access: 'owner',
    summary: 'Makes a token that may read, for `Authorization: Bearer …`',
    body: z.strictObject({ name: z.string().regex(/^[\w.-]{1,40}$/) }),
    answer: answers.newToken,
  },
  removeToken: {
    method: 'POST',
    path: '/api/v1/tokens/remove',
    access: 'owner',
    summary: 'Ends a token',
    body: z.strictObject({ name: z.string().min(1).max(40) }),
    answer: answers.tokens,
  },
  site: {
    method: 'GET',
    path: '/api/v1/site',
    access: 'reader',
    summary: 'Every service with its state and problems, the facts of the document in force, counters',
    answer: answers.site,
  },
  throughput: {
    method: 'GET',
    path: '/api/v1/throughput',
    access: 'reader',
    summary: 'Octets per second by direction and path: the last half hour, or the last day',
    query: z.strictObject({ range: z.enum(['recent', 'day']).default('recent') }),
    answer: answers.throughput,
  },
  hosts: {
    method: 'GET',
    path: '/api/v1/hosts',
    access: 'reader',
    summary: 'Hosts of the LANs with their addresses, mapping and traffic',
    answer: answers.hosts,
  },
  drops: {
    method: 'GET',
    path: '/api/v1/drops',
    access: 'reader',
    summary: 'Packets that nat64 did not translate, by reason, with what to do',
    answer: answers.drops,
  },
  routers: {
    method: 'GET',
    path: '/api/v1/routers',
    access: 'reader',
    summary: 'What this gateway advertises, and other routers on the LANs',
    answer: answers.routers,
  },
  firewall: {
    method: 'GET',
    path: '/api/v1/firewall',
    access: 'reader',
    summary: 'Every rule with its counters, and the port forwards of the document',
    answer: answers.firewall,
  },
  explain: {
    method: 'GET',
    path: '/api/v1/dns/explain',
    access: 'reader',
    summary: 'Why the answer to a name is what it is',
    query: z.strictObject({
      name: z.string().min(1).max(255),
      type: z.string().max(10).optional(),
      client: z.string().max(45).optional(),
    }),
    answer: answers.explanation,
  },
  dnsQueries: {
    method: 'GET',
    path: '/api/v1/dns/queries',
    access: 'owner',
    summary: 'The newest DNS queries that are kept, newest first, with the reason of each answer. Not for tokens',
    query: z.strictObject({
      /** A part of the name. */
      name: z.string().max(255).optional(),
      client: z.string().max(60).optional(),
      type: z.string().max(10).optional(),
      rcode: z.string().max(10).optional(),
      reason: z.string().max(40).optional(),
      limit: decimal(z.number().int().min(1).max(500)).default(200),
    }),
    answer: answers.dnsQueries,
  },
  dnsTop: {
    method: 'GET',
    path: '/api/v1/dns/top',
    access: 'owner',
    summary: 'The names asked for most, in this hour and the one before. Not for tokens',
    query: z.strictObject({ limit: decimal(z.number().int().min(1).max(500)).default(50) }),
    answer: answers.dnsTop,
  },
  events: {
    method: 'GET',
    path: '/api/v1/events',
    access: 'reader',
    summary: 'What happened at the site, newest first',
    query: z.strictObject({ limit: decimal(z.number().int().min(1).max(1000)).default(200) }),
    answer: answers.events,
  },
  config: {
    method: 'GET',
    path: '/api/v1/config',
    access: 'reader',
    summary: 'The text of the site document, for tokens redacted, and whether an edit waits to be confirmed',
    answer: answers.config,
  },
  history: {
    method: 'GET',
    path: '/api/v1/config/history',
    access: 'reader',
    summary: 'Revisions of the site document, newest first: when, who, what changed, what became of each',
    answer: answers.history,
  },
  revisionText: {
    method: 'GET',
    path: '/api/v1/config/revision',
    access: 'reader',
    summary: 'The text of a revision, for tokens redacted',
    query: z.strictObject({ revision: decimal(z.number().int().min(1).max(999_999_999)) }),
    answer: answers.revisionText,
  },
  checkConfig: {
    method: 'POST',
    path: '/api/v1/config/check',
    access: 'owner',
    summary: 'Checks a text and shows what it changes; nothing is written',
    body: z.strictObject({ text: z.string() }),
    answer: answers.configCheck,
  },
  applyConfig: {
    method: 'POST',
    path: '/api/v1/config/apply',
    access: 'owner',
    summary:
      'Writes a text into the file, from where it is published; the old one comes back unless it is confirmed in time',
    body: z.strictObject({
      text: z.string(),
      /** The text that this one was made from. */
      expected: z.string(),
      confirmS: z.number().int().min(5).max(3600),
    }),
    answer: answers.config,
  },
  confirmConfig: {
    method: 'POST',
    path: '/api/v1/config/confirm',
    access: 'owner',
    summary: 'The edit stays',
    body: z.strictObject({}),
    answer: answers.config,
  },
  rollbackConfig: {
    method: 'POST',
    path: '/api/v1/config/rollback',
    access: 'owner',
    summary: 'The text before the edit comes back now',
    body: z.strictObject({}),
    answer: answers.config,
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    access: 'reader',
    summary: 'What all services count, in the text format of Prometheus',
    answer: z.string(),
    mediaType: METRICS_CONTENT_TYPE,
  },
  openapi: {
    method: 'GET',
    path: '/api/v1/openapi.json',
    access: 'anybody',
    summary: 'This document (OpenAPI 3.1)',
    answer: z.looseObject({ openapi: z.string() }),
  },
} as const satisfies Record<string, Route>

export type RouteName = keyof typeof ROUTES
export type RouteOf<N extends RouteName> = (typeof ROUTES)[N]
type Parsed<T> = T extends z.ZodType ? z.output<T> : unknown
/** What a handler is given. */
export type QueryOf<N extends RouteName> = Parsed<RouteOf<N> extends { readonly query: infer Q } ? Q : undefined>
export type BodyOf<N extends RouteName> = Parsed<RouteOf<N> extends { readonly body: infer B } ? B : undefined>
export type AnswerOf<N extends RouteName> = z.output<RouteOf<N>['answer']>

const BY_PATH = new Map(Object.entries(ROUTES).map(([name, route]) => [route.path as string, name as RouteName]))

/** Each path has one method. undefined: there is no such path. */
export const routeAt = (path: string): RouteName | undefined => BY_PATH.get(path)
