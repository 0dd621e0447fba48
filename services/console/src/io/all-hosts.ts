import type { Link } from '@sixgate/bus'
import { z } from 'zod'
import { type Host, mergePages } from '../core/hosts.ts'
import { byPath } from '../core/web/schemas.ts'
import { askInstances } from './ask-instances.ts'

const host = z.object({
  ip6: z.string(),
  ip4: z.ipv4(),
  pref64: z.string(),
  idleS: z.number(),
  out: byPath,
  in: byPath,
})
/** One that does not end the list holds something: who asks would go on for ever. */
const page = z
  .object({ hosts: z.array(host), more: z.boolean() })
  .refine(({ hosts, more }) => !more || hosts.length > 0, 'more is true, and no host is listed')

/** Every host that has an address of the pool: asks all nat64 page by page, since an answer has a greatest length. Throws KvError. */
export const allHosts = async (link: Link): Promise<{ hosts: Host[]; complaints: readonly string[] }> => {
  const hosts: Host[] = []
  let after: string | undefined
  for (;;) {
    const body = after === undefined ? undefined : { after }
    const { answers, complaints } = await askInstances(link, 'nat64', 'hosts', body, page)
    const merged = mergePages(answers.map(({ answer }) => answer))
    hosts.push(...merged.hosts)
    after = merged.after
    if (after === undefined || complaints.length > 0) return { hosts, complaints }
  }
}
