import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { docker } from '../harness/engine.ts'
import { type Background, background } from '../harness/place.ts'
import { converged } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until, untilTrue } from '../harness/until.ts'
import { CLIENT, PROJECT, WAN_ADDRESS, WEB_ADDRESSES } from '../topologies/home.ts'
import { inPrefix, LAN_PREFIX, mapped } from '../transcript/facts.ts'
import { addresses, pingCounts } from '../transcript/parse.ts'

/** The port of the uplink, and the one at the client that it leads to. */
const PORT = 8088
const CLIENT_PORT = 8000
/** What somebody else's change may take to be mended, by promise. */
const DRIFT_S = 3

interface Check {
  readonly id: string
  readonly state: string
  readonly found: string
  readonly fix?: string
}

/** What the firewall section can say, through the whole site; and what looks after it. */
export function firewallSuite(site: SiteUnderTest): void {
  const { home, stack } = site
  let good = ''
  let host = ''
  let mac = ''

  /** Puts a firewall section into force. */
  const firewall = async (yaml: string): Promise<void> => {
    const { revision } = await converged(stack)
    await site.writeDocument(`${good}\nfirewall:\n${yaml}`)
    await converged(stack, revision)
  }

  before(async () => {
    good = await site.readDocument()
    const own = addresses((await home.client.type('ip -6 address show dev eth0 scope global')).output)
    host = own.find(({ address }) => inPrefix(address, LAN_PREFIX))?.address ?? assert.fail('the client has no address')
    const { output } = await home.client.type('cat /sys/class/net/eth0/address')
    mac = output.trim()
  })
  after(async () => {
    const { revision } = await converged(stack)
    await site.writeDocument(good)
    await converged(stack, revision)
  })

  describe('a port forward', () => {
    let server: Background
    before(async () => {
      server = await background(
        CLIENT,
        `socat TCP6-LISTEN:${CLIENT_PORT},fork,reuseaddr 'SYSTEM:echo from $SOCAT_PEERADDR'`,
      )
      await firewall(`  forwards: [{ protocol: tcp, port: ${PORT}, to: "${host}", toPort: ${CLIENT_PORT} }]\n`)
    })
    after(() => server.finish())

    it('leads from the uplink address to the client, translated', async () => {
      const { output } = await home.internet.type(
        `socat -T 3 - TCP4:${WAN_ADDRESS}:${PORT},connect-timeout=3 </dev/null`,
      )
      assert.match(output, /^from \[?0064:ff9b:0000:0000:0000:0000:c633:64[0-9a-f]{2}\]?|^from \[?64:ff9b::c633:64/m)
    })

    it('hairpin: a LAN host that names the uplink address comes to the same host', async () => {
      const { output } = await home.client.type(
        `socat -T 3 - 'TCP6:[${mapped(WAN_ADDRESS)}]:${PORT},connect-timeout=3' </dev/null`,
      )
      // RFC 4787 REQ-9: it comes from the uplink address too.
      assert.match(output, /^from \[?(0064:ff9b:0000:0000:0000:0000|64:ff9b:):cb00:7102/m)
    })

    it('opens that port only', async () => {
      const { code } = await home.internet.type(
        `socat -u -T 1 OPEN:/dev/null TCP4:${WAN_ADDRESS}:${CLIENT_PORT},connect-timeout=1`,
      )
      assert.notEqual(code, 0)
    })

    it('sixgate firewall rules shows what it has met', async () => {
      const { rules } = await until('the counters are read', 15, async () => {
        const answer = JSON.parse((await stack.sixgate(['firewall', 'rules', '--json'])).stdout) as {
          rules: { id: string; packets: number }[]
        }
        const { packets = 0 } = answer.rules.find(({ id }) => id === `forward-tcp-${PORT}`) ?? {}
        return packets >= 2 ? answer : undefined
      })
      assert.ok(rules.some(({ id, packets }) => id === 'masquerade' && packets > 0))
    })
  })

  it('a blocked host, by MAC address: refused at once; free again when the document says so', async () => {
    const fetchWeb = `curl -s -o /dev/null -m 5 'http://[${mapped(WEB_ADDRESSES[0])}]/'; echo code $?`
    await firewall(`  blocks: [{ host: "${mac}" }]\n`)
    assert.match((await home.client.type(fetchWeb)).output, /code 7/)
    await firewall('  blocks: []\n')
    assert.match((await home.client.type(fetchWeb)).output, /code 0/)
  })

  describe('somebody else changes the table', () => {
    for (const change of ['flush table inet sixgate', 'delete table inet sixgate'])
      it(`${change}: mended within ${DRIFT_S} s, and said`, async () => {
        const told = async (): Promise<number> =>
          (await stack.compose(['logs', '--no-log-prefix', 'nat44-firewall'])).split('somebody changed or removed')
            .length
        const before = await told()
        await home.pi.type(`nft '${change}'`)
        await untilTrue('the masquerade is back', DRIFT_S, async () => {
          return /masquerade/.test((await home.pi.type('nft list table inet sixgate')).output)
        })
        await untilTrue('the log says so', DRIFT_S, async () => (await told()) > before)
      })
  })

  describe('two instances of nat44-firewall', () => {
    const scale = (count: number): Promise<string> =>
      stack.compose([
        'up',
        '--detach',
        '--no-recreate',
        '--wait',
        '--scale',
        `nat44-firewall=${count}`,
        'nat44-firewall',
      ])
    before(async () => {
      await scale(2)
      await converged(stack)
    })
    after(async () => {
      await scale(1)
      await converged(stack)
    })

    it(`the active one is killed: the other mends the rules within ${DRIFT_S} s, no ping is lost meanwhile`, async () => {
      const ping = await background(CLIENT, `ping6 -n -i 0.1 ${mapped(WEB_ADDRESSES[0])}`)
      // The one that was there first has the lease.
      await docker(['kill', `${PROJECT}-nat44-firewall-1`])
      await until('the other says so', DRIFT_S, async () => {
        const logs = await docker(['logs', `${PROJECT}-nat44-firewall-2`])
        return logs.includes('this instance is the active one') ? true : undefined
      })
      const { sent, received } = pingCounts(await ping.finish()) ?? assert.fail('ping says nothing')
      // The last one may be under way.
      assert.ok(received >= sent - 1 && sent > 5, `${received} of ${sent}`)
      await home.pi.type('nft delete table inet sixgate')
      await untilTrue('the masquerade is back', DRIFT_S, async () => {
        return /masquerade/.test((await home.pi.type('nft list table inet sixgate')).output)
      })
    })
  })

  it('sixgate doctor: every service runs, and the checks of the host have been made', async () => {
    const { stdout } = await stack.sixgate(['doctor', '--json'])
    const { checks } = JSON.parse(stdout) as { checks: Check[] }
    const stateOf = (id: string): string | undefined => checks.find((check) => check.id === id)?.state
    for (const id of ['nat64', 'dns64', 'nat44-firewall', 'ra-advertiser', 'console'])
      assert.equal(stateOf(id), 'ok', id)
    for (const id of ['document', 'capabilities', 'kernel', 'tun', 'lan', 'prefixes', 'mtu', 'uplink', 'forwarding'])
      assert.equal(stateOf(id), 'ok', `${id}: ${stdout}`)
    for (const id of ['docker', 'port-53', 'conntrack', 'disk']) assert.equal(stateOf(id), 'ok', `${id}: ${stdout}`)
  })

  it('sixgate doctor: what is wrong is found, with what mends it', async () => {
    await home.pi.type('ip address add 198.18.9.1/24 dev eth0')
    try {
      const { stdout, code } = await stack.sixgate(['doctor', '--json'])
      const { checks } = JSON.parse(stdout) as { checks: Check[] }
      const found = checks.find(({ id }) => id === 'prefixes')
      assert.equal(found?.state, 'bad')
      assert.match(found.found, /nat64\.pool4 198\.18\.0\.0\/16 overlaps 198\.18\.9\.0\/24 of the uplink eth0/)
      assert.match(found.fix ?? '', /198\.19\.0\.0/)
      assert.equal(code, 1)
    } finally {
      await home.pi.type('ip address del 198.18.9.1/24 dev eth0')
    }
  })
}
