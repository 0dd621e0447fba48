import { messageOf } from '@sixgate/obs'
import type { Offer } from '../applier.ts'
import { BUCKETS, DOCUMENT_KEY } from '../buckets.ts'
import type { Problem } from '../contract.ts'
import { offerOf } from '../offer.ts'
import { KvBucket } from './kv-bucket.ts'
import type { Link } from './link.ts'

/** Where a source delivers. */
export interface SourceSink {
  offer(offer: Offer): void
  refuse(problem: Problem, revision: number): void
}

/** Follows the document in NATS as `gateway` has it. Returns the function that ends it. */
export const followDocument = (link: Link, sink: SourceSink, gateway?: string): (() => void) =>
  new KvBucket(link, BUCKETS.SITE).watch((entry) => {
    // A document that was deleted leaves the last one in force.
    if (entry.key !== DOCUMENT_KEY || entry.operation !== 'put') return
    try {
      sink.offer(offerOf(entry.revision, new TextDecoder().decode(entry.value), gateway))
    } catch (error) {
      const message = messageOf(error)
      const problem = {
        code: 'document-invalid',
        message: `revision ${entry.revision} is no site document for this version: ${message}`,
      }
      sink.refuse(problem, entry.revision)
    }
  })
