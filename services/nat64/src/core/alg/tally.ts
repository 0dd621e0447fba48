/** Counters of the application gateways: indexes in an array that the data plane shares. */
export const AlgTally = {
  FTP_CONNECTIONS: 0,
  FTP_EPSV: 1,
  FTP_PASSIVE: 2,
  FTP_EPRT: 3,
  FTP_ANSWERED: 4,
  FTP_TLS: 5,
  FTP_OTHER_ADDRESS: 6,
  FTP_TELNET: 7,
  SIP_CONNECTIONS: 8,
  SIP_MESSAGES: 9,
  SIP_UNREADABLE: 10,
  SIP_TLS: 11,
  TCP_HELD: 12,
  TCP_ACKNOWLEDGED: 13,
  TABLE_FULL: 14,
  FLOWS: 15,
  SIP_MEDIA_PATHS: 16,
} as const
/** Length of the array. */
export const ALG_TALLIES = 17

/** Metric names, by index. */
export const ALG_METRICS: readonly string[] = [
  'alg_ftp_connections_total',
  'alg_ftp_epsv_translated_total',
  'alg_ftp_passive_replies_translated_total',
  'alg_ftp_eprt_translated_total',
  'alg_ftp_commands_answered_total',
  'alg_ftp_tls_connections_total',
  'alg_ftp_passive_other_address_total',
  'alg_ftp_telnet_options_refused_total',
  'alg_sip_connections_total',
  'alg_sip_messages_total',
  'alg_sip_unreadable_messages_total',
  'alg_sip_tls_connections_total',
  'alg_tcp_held_segments_total',
  'alg_tcp_acknowledged_segments_total',
  'alg_table_full_total',
  'alg_flows',
  'alg_sip_media_paths_opened_total',
]

/** What an operator should hear once. */
export type AlgNote = 'ftp-tls' | 'ftps' | 'sips' | 'sip-inside' | 'table-full'

/** The sentence for the log. */
export const ALG_NOTES: Readonly<Record<AlgNote, string>> = {
  'ftp-tls':
    'an FTP connection went over to TLS (AUTH): its commands cannot be translated. Passive transfers work where server and client use EPSV, active ones do not; said once, alg_ftp_tls_connections_total counts',
  ftps: 'a connection to FTP over TLS (port 990): its commands cannot be translated. Passive transfers work where server and client use EPSV, active ones do not; said once, alg_ftp_tls_connections_total counts',
  sips: 'a connection to SIP over TLS (port 5061): addresses in it cannot be translated; the provider has to cope (RFC 5626, ICE) or the telephone has to use UDP or TCP; said once, alg_sip_tls_connections_total counts',
  'sip-inside':
    'conntrack does not say which address the uplink gives to a SIP connection over TCP, so the other side is told one that it cannot reach: modprobe nf_conntrack_netlink, or let the telephone use UDP; said once',
  'table-full':
    'too many FTP or SIP connections at once (4096 in all, 256 of one host): further ones go through untranslated; said once, alg_table_full_total counts',
}

/** What gateways report to. */
export interface AlgReport {
  /** `ALG_TALLIES` numbers. */
  readonly counts: Float64Array
  /** Called at most once for each note. */
  readonly note: (note: AlgNote) => void
}

export const count = ({ counts }: AlgReport, index: number): void => {
  counts[index] = (counts[index] ?? 0) + 1
}

/** A report that says each note once. */
export const reportOnce = (counts: Float64Array, note: (note: AlgNote) => void): AlgReport => {
  const said = new Set<AlgNote>()
  return {
    counts,
    note: (one) => {
      if (said.has(one)) return
      said.add(one)
      note(one)
    },
  }
}
