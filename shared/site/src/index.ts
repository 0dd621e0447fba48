/** The site document: schema, rules, YAML with line numbers, and the values that `auto` stands for. */
export { adoptUla, autoText, companionFile, keptUla, ulaOf } from './auto.ts'
export type { Mapped } from './dns64-section.ts'
export { formatPath, SiteError, type SiteErrorCode, type SiteIssue } from './error.ts'
export type { Upstream } from './fields.ts'
export {
  type BlockedHost,
  formatBlockedHost,
  formatPortRange,
  type PortRange,
  WEEKDAYS,
} from './firewall-section.ts'
export { isGatewayName } from './gateways-section.ts'
export { gatewayView, requireGateway } from './gateways.ts'
export { staticIp4 } from './reserved-hosts.ts'
export { lanLinkName, lanLinkNames, lanPrefixes, lanViews } from './lans.ts'
export type { Site } from './schema.ts'
export { parseSite } from './site.ts'
export { type ReadSite, readSite } from './yaml.ts'
