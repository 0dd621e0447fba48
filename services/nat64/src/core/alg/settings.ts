/** Ports of servers whose protocol carries addresses in its payload; an empty list switches a gateway off. */
export interface AlgSettings {
  readonly ftpPorts: readonly number[]
  readonly sipPorts: readonly number[]
}

export const ALG_OFF: AlgSettings = { ftpPorts: [], sipPorts: [] }

/** FTP and SIP inside TLS from the first octet: nothing can be done, but it can be said. */
export const FTPS_PORT = 990
export const SIPS_PORT = 5061

/** Every port that the gateways want to see, in either place and either direction. */
export const algPorts = ({ ftpPorts, sipPorts }: AlgSettings): readonly number[] => [
  ...ftpPorts,
  ...(ftpPorts.length > 0 ? [FTPS_PORT] : []),
  ...sipPorts,
  ...(sipPorts.length > 0 ? [SIPS_PORT] : []),
]
