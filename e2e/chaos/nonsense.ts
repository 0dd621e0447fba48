/** `nonsense.ts SERVICE=SEED-FILE…` in the Pi's namespace: what is no document, mapping, lease and report, put where those belong. */
import { apiPrefixOf, KvBucket, openNats, SERVICE_NAMES, type ServiceName } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'

const seeds = new Map(process.argv.slice(2).map((word) => word.split('=') as [ServiceName, string]))
const NONSENSE: readonly string[] = ['', 'nonsense', '{}', '[]', 'null', '{"ip6":17}', '{"holder":{}}', '\u0000\u00ff']

const WHERE: readonly (readonly [ServiceName, bucket: string, key: string])[] = [
  ['nat64', 'hosts', '198-18-0-1'],
  ['nat64', 'hosts', '198-18-99-99'],
  ['nat64', 'hosts', 'no-address'],
  ['nat64', 'status', 'nat64.nonsense'],
  ['dns64', 'status', 'dns64.nonsense'],
  ['ra-advertiser', 'leases', 'ra-advertiser'],
  ['ra-advertiser', 'status', 'ra-advertiser.nonsense'],
  ['console', 'site', 'document'],
]

for (const [service, seedFile] of seeds) {
  if (!SERVICE_NAMES.includes(service)) throw new Error(`"${service}": must be one of ${SERVICE_NAMES.join(', ')}`)
  const log = createLogger({ service, instance: 'nonsense', level: 'warn' })
  const { link } = openNats({
    url: 'nats://127.0.0.1:4222',
    seedFile,
    service,
    instance: 'nonsense',
    log,
    isListed: false,
  })
  if (!(await link.ready(5000))) throw new Error(`${service} (${apiPrefixOf(service)}): ${link.complaint}`)
  for (const [owner, bucket, key] of WHERE)
    for (const text of owner === service ? NONSENSE : [])
      await new KvBucket(link, bucket).put(key, new TextEncoder().encode(text))
  await link.close()
}
