/**
 * One instance that wants the lease `ra-advertiser`, for tests that kill it: `lease-process.ts URL SEED_FILE NAME`. Writes a
 * line `active` or `standby` when that changes; SIGTERM hands the lease over.
 */
import { createLogger } from '@sixgate/obs'
import { Lease } from '../lease.ts'
import { KvBucket } from '../nats/kv-bucket.ts'
import { Link } from '../nats/link.ts'

if (import.meta.main) {
  const [url = '', seedFile = '', name = ''] = process.argv.slice(2)
  const log = createLogger({ service: 'test', instance: name, level: 'silent' })
  const link = new Link({ url, seedFile, name, inboxPrefix: '_INBOX_test', log })
  const lease = new Lease({
    bucket: new KvBucket(link, 'leases'),
    key: 'ra-advertiser',
    instance: name,
    log,
    onChange: (active) => process.stdout.write(active ? 'active\n' : 'standby\n'),
  })
  process.on('SIGTERM', () => void lease.release().then(() => process.exit(0)))
}
