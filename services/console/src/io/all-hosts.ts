import type { Link } from '@sixgate/bus'
import { type Host, type HostsPage, mergePages } from '../core/hosts.ts'
import { askInstances } from './ask-instances.ts'

/** Every host that has an address of the pool: asks all nat64 page by page, since an answer has a greatest length. Throws KvError. */
export const allHosts = async (link: Link): Promise<{ hosts: Host[]; complaints: readonly string[] }> => {
  const hosts: Host[] = []
  let after: string | undefined
  for (;;) {
    const body = after === undefined ? undefined : { after }
    const { answers, complaints } = await askInstances<HostsPage>(link, 'nat64', 'hosts', body)
    const page = mergePages(answers.map(({ answer }) => answer))
    hosts.push(...page.hosts)
    after = page.after
    if (after === undefined || complaints.length > 0) return { hosts, complaints }
  }
}
