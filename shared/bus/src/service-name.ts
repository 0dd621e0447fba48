/** Everything that reports a status; the names are those of docker-compose.yml. */
export const SERVICE_NAMES = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall', 'console'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]
