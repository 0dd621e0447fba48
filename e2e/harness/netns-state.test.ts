import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Namespace } from '@sixgate/testkit'
import { type NetnsState, netnsState, stateDifference } from './netns-state.ts'

/** Each thing that a service might leave behind, and how to take it back. */
const CHANGES = [
  { what: 'a link', make: 'ip link add br9 type bridge', undo: 'ip link delete br9', section: 'link' },
  {
    what: 'an address',
    make: 'ip address add 192.0.2.1/32 dev lo',
    undo: 'ip address delete 192.0.2.1/32 dev lo',
    section: 'address',
  },
  {
    what: 'a route',
    make: 'ip -6 route add unreachable 64:ff9b::/96',
    undo: 'ip -6 route delete unreachable 64:ff9b::/96',
    section: 'IPv6 route',
  },
  { what: 'a rule', make: 'ip rule add pref 99 table 99', undo: 'ip rule delete pref 99', section: 'IPv4 rule' },
  { what: 'an nft table', make: 'nft add table inet sixgate', undo: 'nft delete table inet sixgate', section: 'nft' },
  {
    what: 'a sysctl',
    make: 'sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward"',
    undo: 'sh -c "echo 0 >/proc/sys/net/ipv4/ip_forward"',
    section: 'sysctl',
  },
] as const

describe('netnsState', () => {
  it('notices everything that can be left behind, and nothing when it is taken back', async () => {
    const namespace = await Namespace.create('netns-state')
    try {
      namespace.sysctl('ipv4/ip_forward', 0)
      const state = (): Promise<NetnsState> => netnsState({ pid: namespace.pid })
      const before = await state()
      for (const { what, make, undo, section } of CHANGES) {
        namespace.sh('sh', '-c', make)
        const changes = stateDifference(before, await state())
        assert.ok(
          changes.some((line) => line.slice(2).startsWith(`${section}: `)),
          `${what}: ${changes.join('\n')}`,
        )
        namespace.sh('sh', '-c', undo)
        assert.deepEqual(stateDifference(before, await state()), [], what)
      }
    } finally {
      await namespace.close()
    }
  })

  it('takes the key that the kernel makes for TCP Fast Open for no change', async () => {
    const namespace = await Namespace.create('netns-state')
    try {
      const before = await netnsState({ pid: namespace.pid })
      namespace.sysctl('ipv4/tcp_fastopen_key', '00000001-00000002-00000003-00000004')
      assert.deepEqual(stateDifference(before, await netnsState({ pid: namespace.pid })), [])
    } finally {
      await namespace.close()
    }
  })

  it('takes what packets put into a dynamic set for no change, and what a rule set has in another set for one', async () => {
    const namespace = await Namespace.create('netns-state')
    try {
      const sets = `add set inet t learned { type ipv6_addr; size 9; flags dynamic,timeout; timeout 1m; }
add set inet t written { type ipv6_addr; }`
      namespace.sh('nft', `add table inet t\n${sets}\nadd element inet t written { fd00::1 }`)
      const before = await netnsState({ pid: namespace.pid })
      assert.ok([...before].some((fact) => fact.includes('set learned > flags dynamic,timeout')))
      const three =
        'fe80::1 limit rate over 5/second, fe80::2 limit rate over 5/second, fe80::3 limit rate over 5/second'
      namespace.sh('nft', `add element inet t learned { ${three} }`)
      assert.match(namespace.sh('nft', 'list ruleset'), /elements = [^}]*fe80::3/)
      assert.deepEqual(stateDifference(before, await netnsState({ pid: namespace.pid })), [])
      namespace.sh('nft', 'add element inet t written { fd00::2 }')
      assert.match(
        stateDifference(before, await netnsState({ pid: namespace.pid })).join('\n'),
        /set written .*fd00::2/,
      )
      namespace.sh('nft', 'delete set inet t learned')
      assert.match(stateDifference(before, await netnsState({ pid: namespace.pid })).join('\n'), /- nft: .*set learned/)
    } finally {
      await namespace.close()
    }
  })

  it('tells one rule from the same rule twice', async () => {
    const namespace = await Namespace.create('netns-state')
    try {
      namespace.sh('nft', 'add table inet t; add chain inet t c; add rule inet t c counter drop')
      const once = await netnsState({ pid: namespace.pid })
      namespace.sh('nft', 'add rule inet t c counter drop')
      assert.deepEqual(stateDifference(once, await netnsState({ pid: namespace.pid })), [
        '+ nft: table inet t > chain c > counter drop (2 times)',
      ])
    } finally {
      await namespace.close()
    }
  })
})
