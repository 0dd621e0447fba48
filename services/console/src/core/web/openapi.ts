import { z } from 'zod'
import { ROUTES, type Route } from './routes.ts'
import { failure } from './schemas.ts'

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' })
  return rest
}

const content = (schema: unknown, mediaType = 'application/json') => ({ [mediaType]: { schema } })

const ERRORS: Readonly<Record<string, string>> = {
  '400': 'The query or the body is not as described',
  '401': 'Not logged in, or the password, the code or the token is wrong',
  '403': 'The caller may not do this',
  '404': 'There is no such revision',
  '409': 'The file was changed meanwhile',
  '413': 'The body is too long',
  '415': 'The body is not JSON by its Content-Type',
  '421': 'The Host header is no name of this gateway',
  '429': 'Too many attempts; see retryAfterS',
  '503': 'The site cannot be asked at the moment',
}

const securityOf: Readonly<Record<Route['access'], readonly unknown[]>> = {
  anybody: [],
  reader: [{ session: [] }, { token: [] }],
  owner: [{ session: [] }],
}

const parametersOf = ({ query }: Route): readonly unknown[] => {
  if (query === undefined) return []
  const { properties = {}, required = [] } = jsonSchema(query, 'input') as {
    properties?: Record<string, unknown>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

const operationOf = (name: string, route: Route): unknown => ({
  operationId: name,
  summary: route.summary,
  security: securityOf[route.access],
  parameters: parametersOf(route),
  ...(route.body === undefined
    ? {}
    : { requestBody: { required: true, content: content(jsonSchema(route.body, 'input')) } }),
  responses: {
    '200': { description: 'Done', content: content(jsonSchema(route.answer, 'output'), route.mediaType) },
    ...Object.fromEntries(
      Object.entries(ERRORS).map(([status, description]) => [
        status,
        { description, content: content({ $ref: '#/components/schemas/Failure' }) },
      ]),
    ),
  },
})

/** The OpenAPI 3.1 document of the whole API. `version`: of the program; `cookie`: name of the session's cookie. */
export const openApi = (version: string, cookie: string): Record<string, unknown> => ({
  openapi: '3.1.0',
  info: {
    title: 'sixgate console',
    version,
    description:
      'How the site is, for the page and for programs. Programs use a token that may read; whatever changes something needs the session of the page, its Origin header, and JSON.',
  },
  paths: Object.fromEntries(
    Object.entries(ROUTES).map(([name, route]: [string, Route]) => [
      route.path,
      { [route.method.toLowerCase()]: operationOf(name, route) },
    ]),
  ),
  components: {
    schemas: { Failure: jsonSchema(failure, 'output') },
    securitySchemes: {
      session: { type: 'apiKey', in: 'cookie', name: cookie },
      token: { type: 'http', scheme: 'bearer' },
    },
  },
})
