import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conntrackProblem, planConntrack, planConntrackSize } from './conntrack.ts'

/** What each document asks for at least, in seconds. */
const LEAST: Readonly<Record<string, number>> = {
  nf_conntrack_udp_timeout: 120, // RFC 4787 REQ-5
  nf_conntrack_udp_timeout_stream: 120,
  nf_conntrack_icmp_timeout: 60, // RFC 5508 REQ-2
  nf_conntrack_generic_timeout: 120, // RFC 6092 REC-12
  nf_conntrack_tcp_timeout_established: 7440, // RFC 5382 REQ-5
  nf_conntrack_tcp_timeout_syn_sent: 240,
  nf_conntrack_tcp_timeout_syn_recv: 240,
  nf_conntrack_tcp_timeout_fin_wait: 240,
  nf_conntrack_tcp_timeout_close_wait: 240,
  nf_conntrack_tcp_timeout_last_ack: 240,
  nf_conntrack_tcp_timeout_time_wait: 240,
  nf_conntrack_sctp_timeout_established: 7440, // RFC 6092 REC-40
  nf_conntrack_sctp_timeout_cookie_wait: 240,
  nf_conntrack_sctp_timeout_shutdown_recd: 240,
  nf_conntrack_dccp_timeout_open: 7440, // RFC 6092 REC-44
  nf_conntrack_dccp_timeout_request: 480,
  nf_conntrack_dccp_timeout_timewait: 480,
}

test('RFC 4787 REQ-5, 5382 REQ-5, 5508 REQ-2, 6092 REC-40 and 44, 7857 §2: no timer is below what the documents ask for', () => {
  const steps = new Map(planConntrack(Object.keys(LEAST)).map(({ path, value }) => [path, Number(value)]))
  for (const [name, least] of Object.entries(LEAST)) assert.ok((steps.get(`netfilter/${name}`) ?? 0) >= least, name)
})

test('only timers that the kernel has are set', () => {
  assert.deepEqual(planConntrack([]), [])
  assert.deepEqual(
    planConntrack(['nf_conntrack_icmp_timeout', 'nf_conntrack_max']).map(({ path, value }) => `${path}=${value}`),
    ['netfilter/nf_conntrack_icmp_timeout=60'],
  )
})

test('a table of flows that is nearly full is a problem that says what to do', () => {
  assert.equal(conntrackProblem({ entries: 0, max: 0 }), undefined)
  assert.equal(conntrackProblem({ entries: 58_982, max: 65_536 }), undefined)
  const problem = conntrackProblem({ entries: 58_983, max: 65_536 })
  assert.equal(problem?.code, 'conntrack-full')
  assert.match(problem?.message ?? '', /58983 flows and can follow 65536 .*nf_conntrack_max=131072$/)
})

test('room for flows grows with the memory, and is never taken away', () => {
  const MB = 2 ** 20
  for (const [max, memoryMb, value] of [
    [4096, 256, '20971'],
    [8192, 512, '41943'],
    [65_536, 512, undefined],
    [65_536, 1024, '83886'],
    [65_536, 4096, '335544'],
    [262_144, 65_536, '1048576'],
    [2_000_000, 65_536, undefined],
    // conntrack is not there yet.
    [0, 4096, undefined],
  ] as const)
    assert.equal(planConntrackSize(max, memoryMb * MB)[0]?.value, value, `${max} flows, ${memoryMb} MB`)
})
