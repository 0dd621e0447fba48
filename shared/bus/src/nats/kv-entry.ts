import type { KvEntry } from '@nats-io/kv'
import type { BucketEntry } from '../contract.ts'

/** An entry of the client library as the contract has it; a purge is a delete. */
export const toBucketEntry = (entry: KvEntry): BucketEntry => ({
  key: entry.key,
  value: entry.value,
  revision: entry.revision,
  operation: entry.operation === 'PUT' ? 'put' : 'delete',
})
