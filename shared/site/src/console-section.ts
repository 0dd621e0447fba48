import { domainField, integer, listOf, section, yesNo } from './fields.ts'

const LOWEST_PORT = 1024
const PORT_MAX = 65_535

/** The web page of the console, on the gateway's address in `lan` and on loopback. */
export const console = section({
  web: yesNo.default(true),
  /** The console has no capability, so none below 1024. */
  port: integer(LOWEST_PORT, PORT_MAX).default(8443),
  /** Names of the gateway besides its addresses: they stand in the certificate, and the page answers to them. */
  names: listOf(domainField, 'domain names').default([]),
})
