import { parseSite } from '@sixgate/site'
import type { Offer } from './applier.ts'

/** Makes an offer of the JSON text of a document. Throws SiteError, or a SyntaxError when it is no JSON. */
export const offerOf = (revision: number, text: string): Offer => ({
  revision,
  text,
  site: parseSite(JSON.parse(text)),
})
