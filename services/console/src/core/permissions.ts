import {
  apiPrefixOf,
  BUCKETS,
  type BucketName,
  DOCUMENT_KEY,
  EVENTS_STREAM,
  eventSubject,
  inboxPrefixOf,
  leaseKeyOf,
  questionSubject,
  SERVICE_NAMES,
  type ServiceName,
  STOPPING_KEY,
  stoppingKeyOf,
} from '@sixgate/bus/names'

/** Subjects of the account of the buckets that a service may publish to and subscribe to; `*` is one token, `>` is the rest. */
export interface Permissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** The KV protocol (ADR-8): keys are subjects of a stream. */
const subjectOf = (bucket: BucketName, key: string): string => `$KV.${bucket}.${key}`

/** Reading one key, or many: direct reads have the key in the subject. */
const get = (bucket: BucketName, key: string): string[] => [`$JS.API.DIRECT.GET.KV_${bucket}.${subjectOf(bucket, key)}`]

/** Which keys there are, and whether it still is the same stream. */
const info = (bucket: BucketName): string[] => [`$JS.API.STREAM.INFO.KV_${bucket}`]

/** Following a whole bucket: an ordered consumer and its flow control. */
const watch = (bucket: BucketName): string[] => [
  ...info(bucket),
  `$JS.API.CONSUMER.CREATE.KV_${bucket}.*.${subjectOf(bucket, '>')}`,
  `$JS.API.CONSUMER.INFO.KV_${bucket}.*`,
  `$JS.API.CONSUMER.DELETE.KV_${bucket}.*`,
  `$JS.FC.KV_${bucket}.>`,
]

/** Making a bucket, and giving one that is there another size or lifetime; not deleting it. */
const make = (bucket: BucketName): string[] => [
  ...info(bucket),
  `$JS.API.STREAM.CREATE.KV_${bucket}`,
  `$JS.API.STREAM.UPDATE.KV_${bucket}`,
]

/** Taking away what deleted keys left (io/deletion-marks.ts). */
const sweep = (bucket: BucketName): string[] => [...watch(bucket), `$JS.API.STREAM.PURGE.KV_${bucket}`]

/** Making the stream of events, and reading it. */
const events = (): string[] => [
  ...['INFO', 'CREATE', 'UPDATE'].map((verb) => `$JS.API.STREAM.${verb}.${EVENTS_STREAM}`),
  // An ordered consumer: made, asked for messages, thrown away.
  `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.>`,
  ...['INFO', 'DELETE', 'MSG.NEXT'].map((verb) => `$JS.API.CONSUMER.${verb}.${EVENTS_STREAM}.*`),
]

/** What every service but the console does: follow the document, report, and ask at its end whether the site goes down. */
const common = (service: ServiceName): string[] => [
  ...watch(BUCKETS.SITE),
  subjectOf(BUCKETS.STATUS, `${service}.*`),
  eventSubject(service),
  ...get(BUCKETS.STATUS, STOPPING_KEY),
  ...get(BUCKETS.STATUS, stoppingKeyOf('*')),
]

/** Taking the lease of a service, and seeing who has it. */
const lease = (service: ServiceName): string[] => [
  ...watch(BUCKETS.LEASES),
  ...[service, leaseKeyOf(service, '*')].flatMap((key) => [
    ...get(BUCKETS.LEASES, key),
    subjectOf(BUCKETS.LEASES, key),
  ]),
]

const PUBLISH: Readonly<Record<ServiceName, readonly string[]>> = {
  // Its messages follow the health of the others.
  'ra-advertiser': [...common('ra-advertiser'), ...lease('ra-advertiser'), ...watch(BUCKETS.STATUS)],
  dns64: common('dns64'),
  nat64: [...common('nat64'), ...watch(BUCKETS.HOSTS), ...get(BUCKETS.HOSTS, '*'), subjectOf(BUCKETS.HOSTS, '*')],
  'nat44-firewall': [...common('nat44-firewall'), ...lease('nat44-firewall')],
  console: [
    ...Object.values(BUCKETS).flatMap(make),
    ...events(),
    eventSubject('console'),
    ...watch(BUCKETS.SITE),
    ...get(BUCKETS.SITE, DOCUMENT_KEY),
    subjectOf(BUCKETS.SITE, DOCUMENT_KEY),
    ...sweep(BUCKETS.HOSTS),
    ...get(BUCKETS.STATUS, '>'),
    ...watch(BUCKETS.STATUS),
    subjectOf(BUCKETS.STATUS, 'console.*'),
    subjectOf(BUCKETS.STATUS, STOPPING_KEY),
    subjectOf(BUCKETS.STATUS, stoppingKeyOf('*')),
    // Which of several consoles publishes.
    ...lease('console'),
    // Asking all services by the services protocol: `nats micro ls` with the console's key.
    '$SRV.>',
    // What commands ask.
    ...SERVICE_NAMES.map((service) => questionSubject(service, '*')),
  ],
}

/** The services protocol (ADR-32): asked of all, of all with a name, of one. */
const micro = (service: ServiceName): string[] =>
  ['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.${service}`, `$SRV.${verb}.${service}.*`])

/** The least that a service needs. The console alone makes buckets and publishes the document. */
export const permissionsOf = (service: ServiceName): Permissions => ({
  publish: [...new Set(PUBLISH[service])],
  subscribe: [`${inboxPrefixOf(service)}.>`, ...micro(service), questionSubject(service, '*')],
})

/** The account of the buckets, which the console alone is in. */
const SITE_ACCOUNT = 'site'

const array = (items: readonly string[], indent: string): string =>
  `[\n${items.map((item) => `${indent}  ${item}\n`).join('')}${indent}]`

const quoted = (subjects: readonly string[]): string =>
  array(
    subjects.map((subject) => JSON.stringify(subject)),
    '        ',
  )

/** A subject of the account of the buckets as the account of a service names it (`apiPrefixOf`). */
const nameFor = (service: ServiceName, subject: string): string => {
  if (service === 'console') return subject
  if (subject.startsWith('$KV.')) return `${apiPrefixOf(service)}.${subject}`
  return subject.startsWith('$JS.API.') ? subject.replace('$JS.API', () => apiPrefixOf(service)) : subject
}

const user = (service: ServiceName, publicKey: string): string => {
  const { publish, subscribe } = permissionsOf(service)
  // allow_responses: answers to questions and $SRV requests go to the asker's inbox.
  return `{ # ${service}
      nkey: ${publicKey}
      permissions: {
        publish: ${quoted(publish.map((subject) => nameFor(service, subject)))}
        subscribe: ${quoted(subscribe)}
        allow_responses: { max: 1, expires: "10s" }
      }
    }`
}

const OTHERS = SERVICE_NAMES.filter((service) => service !== 'console')
const CONSOLE_INBOX = `${inboxPrefixOf('console')}.>`

/** What a service hears from the account of the buckets: its watches, questions, the services protocol. */
const heardBy = (service: ServiceName): string[] => [
  `${inboxPrefixOf(service)}.>`,
  questionSubject(service, '*'),
  '$SRV.>',
]

/** What a service says to the account of the buckets: what it may publish, and answers to the console. */
const saidBy = (service: ServiceName): readonly string[] => [...permissionsOf(service).publish, CONSOLE_INBOX]

const exportsTo = (kind: 'service' | 'stream', subjectsOf: (service: ServiceName) => readonly string[]): string[] =>
  [...new Set(OTHERS.flatMap(subjectsOf))].map((subject) => {
    const accounts = OTHERS.filter((service) => subjectsOf(service).includes(subject))
    return `{ ${kind}: ${JSON.stringify(subject)}, accounts: ${JSON.stringify(accounts)} }`
  })

const importsOf = (kind: 'service' | 'stream', service: ServiceName, subjects: readonly string[]): string[] =>
  subjects.map((subject) => {
    const name = nameFor(service, subject)
    const to = name === subject ? '' : `, to: ${JSON.stringify(name)}`
    return `{ ${kind}: { account: ${SITE_ACCOUNT}, subject: ${JSON.stringify(subject)} }${to} }`
  })

const accountOf = (service: ServiceName, publicKey: string): string => `  ${service}: {
    users: [ ${user(service, publicKey)} ]
    imports: ${array([...importsOf('service', service, saidBy(service)), ...importsOf('stream', service, heardBy(service))], '    ')}
  }`

/**
 * The text of `auth.conf`, which deploy/nats.conf includes: public keys and permissions, nothing secret.
 *
 * Each service has an account of its own. The server sends the answer to a request to whatever subject the request names,
 * without asking whether its sender may publish there; in one account for all, any service could so have the server write
 * the site document. From an account of its own, an answer gets to nobody else.
 */
export const authConf = (publicKeys: Readonly<Record<ServiceName, string>>): string =>
  `# Made by sixgate from the keys beside it; changes are overwritten.
accounts {
  ${SITE_ACCOUNT}: {
    jetstream: enabled
    users: [ ${user('console', publicKeys.console)} ]
    exports: ${array([...exportsTo('service', saidBy), ...exportsTo('stream', heardBy)], '    ')}
  }
${OTHERS.map((service) => accountOf(service, publicKeys[service])).join('\n')}
}
`
