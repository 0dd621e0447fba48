import { BUCKETS, type BucketName, inboxPrefixOf, type ServiceName } from '@sixgate/bus/names'

/** Subjects that a user of NATS may publish to and subscribe to. */
export interface Permissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** What a service may do in a bucket besides reading it: the keys that it may write. */
type Writable = Readonly<Partial<Record<BucketName, string>>>

const READABLE: Readonly<Record<Exclude<ServiceName, 'console'>, readonly BucketName[]>> = {
  'ra-advertiser': [BUCKETS.SITE, BUCKETS.STATUS, BUCKETS.LEASES],
  dns64: [BUCKETS.SITE, BUCKETS.STATUS],
  nat64: [BUCKETS.SITE, BUCKETS.STATUS, BUCKETS.HOSTS],
  'nat44-firewall': [BUCKETS.SITE, BUCKETS.STATUS, BUCKETS.LEASES],
}

const writableBy = (service: Exclude<ServiceName, 'console'>): Writable => ({
  status: `${service}.>`,
  ...(service === 'nat64' ? { hosts: '>' } : {}),
  ...(service === 'ra-advertiser' || service === 'nat44-firewall' ? { leases: service } : {}),
})

/** The JetStream calls that reading and watching a bucket takes. */
const readCalls = (bucket: BucketName): string[] => {
  const stream = `KV_${bucket}`
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ]
}

/** The least that a service needs. The console alone makes buckets and publishes the document. */
export const permissionsOf = (service: ServiceName): Permissions => {
  const subscribe = [`${inboxPrefixOf(service)}.>`, '$SRV.>']
  if (service === 'console') return { publish: ['$JS.API.>', '$JS.FC.>', '$KV.>', '$SRV.>'], subscribe }
  const writes = Object.entries(writableBy(service)).map(([bucket, keys]) => `$KV.${bucket}.${keys}`)
  return { publish: [...READABLE[service].flatMap(readCalls), ...writes], subscribe }
}

const list = (subjects: readonly string[]): string =>
  `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`

/** The text of `auth.conf`, which deploy/nats.conf includes: public keys and permissions, nothing secret. */
export const authConf = (publicKeys: Readonly<Record<ServiceName, string>>): string => {
  const users = Object.entries(publicKeys).map(([service, nkey]) => {
    const { publish, subscribe } = permissionsOf(service as ServiceName)
    // allow_responses: answers to $SRV requests go to the asker's inbox.
    return `    { # ${service}
      nkey: ${nkey}
      permissions: { publish: ${list(publish)}, subscribe: ${list(subscribe)}, allow_responses: true }
    }`
  })
  return `# Made by sixgate from the keys beside it; changes are overwritten.\nauthorization {\n  users: [\n${users.join('\n')}\n  ]\n}\n`
}
