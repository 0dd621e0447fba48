import assert from 'node:assert/strict'
import { capture } from '../harness/capture.ts'
import { type Home, WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'

/** The pool address that nat64 has given the client, seen on the translator's link. */
export async function poolAddress(home: Home): Promise<string> {
  const watch = await capture(home.piNetns, 'nat64', 'inout', 'icmp[icmptype] == icmp-echo')
  await home.client.type(`ping6 -n -c 2 -i 0.2 ${mapped(WEB_ADDRESSES[0])}`)
  const [packet = ''] = await watch.stop()
  const address = / IP (\d+\.\d+\.\d+\.\d+) > /.exec(packet)?.[1]
  assert.ok(address !== undefined && address.startsWith('198.18.'), `from pool4 on link nat64, got "${packet}"`)
  return address
}
