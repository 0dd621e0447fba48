import { parseSite, requireGateway } from '@sixgate/site'
import type { Offer } from './applier.ts'

/** Makes an offer of the JSON text of a document, as `gateway` has it. Throws SiteError, or a SyntaxError when it is no JSON. */
export const offerOf = (revision: number, text: string, gateway?: string): Offer => ({
  revision,
  text,
  site: requireGateway(parseSite(JSON.parse(text)), gateway),
})
