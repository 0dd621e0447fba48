import assert from 'node:assert/strict'
import { background } from '../harness/place.ts'
import { until, untilTrue } from '../harness/until.ts'
import { CLIENT, type Home, WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { longestPingGap } from '../transcript/parse.ts'

const WEB = mapped(WEB_ADDRESSES[0])
export const PING_INTERVAL_S = 0.1

/** A ping and a slow download in the client, both known to run. */
export const startTraffic = async (home: Home) => {
  const ping = await background(CLIENT, `ping6 -D -n -i ${PING_INTERVAL_S} ${WEB}`)
  const download = await background(CLIENT, `curl -sS -o /tmp/download http://[${WEB}]/slow`)
  const size = async () => Number((await home.client.type('stat -c %s /tmp/download')).output)
  const replies = async () => [...(await ping.output()).matchAll(/icmp_seq=/g)].length
  await untilTrue('ping and download run', 10, async () => (await replies()) > 3 && (await size()) > 0)
  return {
    finish: async () => {
      const [seen, loaded] = [await replies(), await size()]
      await untilTrue('ping is answered again', 20, async () => (await replies()) > seen + 3)
      const resumed = await until('the download goes on', 30, async () => (await size()) > loaded || undefined)
      const gap = longestPingGap(await ping.finish())
      const said = await download.finish()
      assert.equal(said, '', 'curl has nothing to complain about')
      return { gap, resumed }
    },
  }
}
