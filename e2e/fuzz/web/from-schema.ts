/** Values that a JSON Schema of the API allows, and some that it does not. */

/** JSON Schema 2020-12, as far as the API's document uses it. */
export interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** Values for properties where any text of the right length would lead nowhere. */
export type Known = Readonly<Record<string, unknown>>

const LETTERS = 'example-'

/** One value that is allowed. Throws when it cannot make one: then this file has to learn a keyword. */
export const goodValue = (schema: Schema, name: string, known: Known): unknown => {
  if (name in known) return known[name]
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 0
  if (schema.type === 'object')
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([key, value]) => [key, goodValue(value, key, known)]),
    )
  if (schema.type !== 'string') throw new Error(`${name}: no value for ${JSON.stringify(schema)}`)
  const text = LETTERS.repeat(Math.ceil((schema.minLength ?? 1) / LETTERS.length)).slice(0, schema.maxLength ?? 100)
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(text))
    throw new Error(`${name}: "${text}" does not match ${schema.pattern}`)
  return text
}

/** Values at the edges of a schema, and beyond. */
const edgesOf = (schema: Schema): readonly unknown[] => {
  const others = [null, true, 17, -1.5, '', [], {}, [{}], 'é\u0000"\\\u202e', '__proto__', '\ud800']
  const { minLength = 0, maxLength = 2000, minimum, maximum } = schema
  if (schema.type === 'string')
    return [...others, ...[minLength - 1, minLength, maxLength, maxLength + 1].map((n) => 'a'.repeat(Math.max(0, n)))]
  return [
    ...others,
    ...[minimum, maximum].flatMap((n) => (n === undefined ? [] : [n - 1, n, n + 1, n + 0.5, String(n)])),
  ]
}

/** Bodies for a schema of an object: a good one, each property at its edges, away, one too many, something else altogether. */
export const bodiesOf = (schema: Schema, known: Known): readonly unknown[] => {
  const good = goodValue(schema, '', known) as Readonly<Record<string, unknown>>
  const properties = Object.entries(schema.properties ?? {})
  return [
    good,
    ...properties.flatMap(([name, one]) => edgesOf(one).map((value) => ({ ...good, [name]: value }))),
    ...properties.map(([name]) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))),
    { ...good, more: 1 },
    JSON.parse(`{"__proto__":{"a":1},"constructor":0}`),
    null,
    [],
    [good],
    'text',
    0,
  ]
}

/** Values of a parameter, as they stand in a query. */
export const parametersOf = (schema: Schema, name: string, known: Known): readonly string[] =>
  [goodValue(schema, name, known), ...edgesOf(schema), '1e2', '0x10', ' 7', '007', '١٢']
    .map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
    .map((text) => encodeURIComponent(text.toWellFormed()))
