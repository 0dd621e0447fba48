/** A whole number from an environment variable, or `other` when it is not set. Throws an Error that says what came. */
export const numberFrom = (name: string, other: number): number => {
  const text = process.env[name] ?? ''
  if (text === '') return other
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new Error(`${name}: "${text}": must be a whole number`)
}
