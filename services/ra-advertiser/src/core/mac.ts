/** `02:00:5e:10:00:01`. */
export const formatMac = (mac: Uint8Array): string =>
  [...mac].map((octet) => octet.toString(16).padStart(2, '0')).join(':')
