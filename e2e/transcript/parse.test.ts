import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  addresses,
  dnsRecords,
  hops,
  iperfReceiver,
  longestPingGap,
  pingCounts,
  pingPeer,
  recordData,
  tally,
} from './parse.ts'

/** Output as the tools of Debian 13 wrote it. */
describe('parse', () => {
  it('addresses: both families, flags up to the end of the line', () => {
    const output = `2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000 link-netnsid 0
    inet 203.0.113.2/24 scope global eth0
       valid_lft forever preferred_lft forever
    inet6 fd00:6:4:0:4091:beff:fec2:2022/64 scope global dynamic mngtmpaddr proto kernel_ra
       valid_lft 86399sec preferred_lft 14399sec\n`
    assert.deepEqual(addresses(output), [
      { address: '203.0.113.2', lenBits: 24, flags: 'scope global eth0' },
      {
        address: 'fd00:6:4:0:4091:beff:fec2:2022',
        lenBits: 64,
        flags: 'scope global dynamic mngtmpaddr proto kernel_ra',
      },
    ])
    assert.deepEqual(addresses(''), [])
  })

  it('dnsRecords: tabs and blanks, comments left out', () => {
    const output = `;; communications error to ::1#53: connection refused
alias.example.\t\t300\tIN\tCNAME\twww.example.
www.example.\t\t60\tIN\tAAAA\t64:ff9b::c633:6452
www.example.\t\t60\tIN\tAAAA\t64:ff9b::c633:6450\n`
    assert.equal(dnsRecords(output).length, 3)
    assert.deepEqual(dnsRecords(output)[0], { name: 'alias.example.', ttlS: 300, type: 'CNAME', data: 'www.example.' })
    assert.deepEqual(recordData(output, 'AAAA'), ['64:ff9b::c633:6450', '64:ff9b::c633:6452'])
  })

  it('ping: counts, also with errors; peer with and without a name', () => {
    assert.deepEqual(pingCounts('3 packets transmitted, 3 received, 0% packet loss, time 406ms'), {
      sent: 3,
      received: 3,
    })
    assert.deepEqual(pingCounts('3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 405ms'), {
      sent: 3,
      received: 0,
    })
    assert.equal(pingCounts('ping6: www.example: Temporary failure in name resolution'), undefined)
    assert.equal(pingPeer('64 bytes from 64:ff9b::c633:6450: icmp_seq=1 ttl=59 time=0.2 ms'), '64:ff9b::c633:6450')
    assert.equal(pingPeer('64 bytes from a.example (64:ff9b::1): icmp_seq=1 ttl=59 time=0.2 ms'), '64:ff9b::1')
  })

  it('longestPingGap: lost at the start, in the middle, out of order', () => {
    const replies = (...seqs: number[]) =>
      seqs.map((seq) => `64 bytes from ::1: icmp_seq=${seq} ttl=59 time=1 ms`).join('\n')
    assert.equal(longestPingGap(replies(1, 2, 3)).lost, 0)
    assert.equal(longestPingGap(replies(3, 4)).lost, 2)
    assert.equal(longestPingGap(replies(1, 2, 8, 9, 11)).lost, 5)
    assert.equal(longestPingGap(replies(2, 1, 3)).lost, 0)
    const timed =
      '[1795788000.5] 64 bytes from ::1: icmp_seq=1 ttl=59\n[1795788002.25] 64 bytes from ::1: icmp_seq=4 ttl=59\n'
    assert.deepEqual(longestPingGap(timed), { lost: 2, between: '14:00:00.500 14:00:02.250' })
  })

  it('iperfReceiver: TCP, UDP, units', () => {
    const tcp = `[  5]   0.00-2.00   sec   153 MBytes   641 Mbits/sec  1076            sender
[  5]   0.00-2.01   sec   150 MBytes   626 Mbits/sec                  receiver\n`
    assert.deepEqual(iperfReceiver(tcp), { mbitPerS: 626 })
    const udp = `[  5]   0.00-2.00   sec  2.39 MBytes  10.0 Mbits/sec  0.000 ms  0/1753 (0%)  sender
[  5]   0.00-2.00   sec  2.39 MBytes  1.25 Gbits/sec  0.019 ms  3/1753 (0.17%)  receiver\n`
    assert.deepEqual(iperfReceiver(udp), { mbitPerS: 1250, lost: 3, total: 1753 })
    assert.equal(iperfReceiver('iperf3: error - unable to connect to server'), undefined)
  })

  it('hops: addresses and silence, not the heading', () => {
    const output = `traceroute to 64:ff9b::c633:6450 (64:ff9b::c633:6450), 30 hops max, 80 byte packets
 1  fd00:6:4::1  0.048 ms
 2  *
 3  64:ff9b::c633:6450  1.922 ms\n`
    assert.deepEqual(hops(output), ['fd00:6:4::1', '*', '64:ff9b::c633:6450'])
  })

  it('tally', () => {
    assert.deepEqual(
      [...tally('     14 203.0.113.2\n      1 203.0.113.9\n')],
      [
        ['203.0.113.2', 14],
        ['203.0.113.9', 1],
      ],
    )
  })
})
