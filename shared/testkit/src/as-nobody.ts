/**
 * Options of setpriv for a process without privileges: another uid, no capability that changes anything. It may still read the
 * sources, wherever they are: a clone below /root is for root alone.
 */
export const AS_NOBODY = [
  '--reuid=65534',
  '--clear-groups',
  '--inh-caps=-all,+dac_read_search',
  '--ambient-caps=+dac_read_search',
] as const
