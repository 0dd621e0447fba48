import type { Script, ScriptAnswer, ScriptRecord } from './script.ts'

/** `A` record. */
export const a = (name: string, data: string, ttl = 300): ScriptRecord => ({ type: 'A', name, data, ttl })
/** `AAAA` record. */
export const aaaa = (name: string, data: string, ttl = 300): ScriptRecord => ({ type: 'AAAA', name, data, ttl })
/** `CNAME` record. */
export const cname = (name: string, data: string, ttl = 300): ScriptRecord => ({ type: 'CNAME', name, data, ttl })
/** `DNAME` record. */
export const dname = (name: string, data: string, ttl = 300): ScriptRecord => ({ type: 'DNAME', name, data, ttl })
/** `PTR` record. */
export const ptr = (name: string, data: string, ttl = 300): ScriptRecord => ({ type: 'PTR', name, data, ttl })
/** `NS` record. */
export const ns = (name: string, data: string, ttl = 300): ScriptRecord => ({ type: 'NS', name, data, ttl })
/** `SOA` record; `minimum` is the time for denials. */
export const soa = (name: string, ttl = 900, minimum = 900): ScriptRecord => ({
  type: 'SOA',
  name,
  ttl,
  data: { mname: `ns.${name}`, rname: `admin.${name}`, serial: 1, refresh: 3600, retry: 600, expire: 86400, minimum },
})
/** `RRSIG` record over `typeCovered`; the signature is filler. */
export const rrsig = (name: string, typeCovered: string, ttl = 300): ScriptRecord =>
  ({
    type: 'RRSIG',
    name,
    ttl,
    data: {
      typeCovered,
      algorithm: 13,
      labels: 2,
      originalTTL: ttl,
      expiration: 2_000_000_000,
      inception: 1_700_000_000,
      keyTag: 4711,
      signersName: 'example.net',
      signature: Buffer.alloc(64, 7),
    },
  }) as unknown as ScriptRecord

/** A script from a table: `name TYPE` → answer; `otherwise` for the rest (NXDOMAIN with a SOA record unless given). */
export const table =
  (
    entries: Readonly<Record<string, ScriptAnswer | 'silence' | { readonly bytesAfterId: Uint8Array }>>,
    otherwise: ScriptAnswer = { rcode: 3, authorities: [soa('example.net')] },
  ): Script =>
  (asked) =>
    entries[`${asked.name} ${asked.type}`] ?? otherwise
