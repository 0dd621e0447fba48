import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import type { Status } from '@sixgate/bus/names'
import fc from 'fast-check'
import { parseExposition } from '../testkit/exposition.ts'
import { HELP } from './metric-catalogue.ts'
import { metricOf, metricsText } from './metrics.ts'

const NOW = 1_800_000_000_000

const report = (more: Partial<Status>): Status => ({
  service: 'nat64',
  instance: 'a',
  version: '0.1.0',
  revision: 3,
  state: 'ok',
  sinceMs: NOW - 60_000,
  problems: [],
  counters: {},
  startedAtMs: NOW - 61_500,
  atMs: NOW - 1000,
  ...more,
})

const NAMES: readonly (readonly [Status['service'], string, string, string?])[] = [
  ['nat64', 'hosts', 'nat64_hosts'],
  ['nat64', 'dropped_no_mapping_packets_total', 'nat64_dropped_packets_total', 'no_mapping'],
  ['nat64', 'dropped_alg_gap_packets_total', 'nat64_dropped_packets_total', 'alg_gap'],
  ['nat64', 'fast_path_off_forbidden', 'nat64_fast_path_off', 'forbidden'],
  ['nat64', 'fast_path', 'nat64_fast_path'],
  ['dns64', 'responses_servfail_total', 'dns64_responses_total', 'servfail'],
  ['dns64', 'cache_octets', 'dns64_cache_bytes'],
  ['ra-advertiser', 'rs_refused_hop_limit_total', 'ra_advertiser_rs_refused_total', 'hop_limit'],
  ['ra-advertiser', 'ra_sent_final_total', 'ra_advertiser_ra_sent_total', 'final'],
  ['ra-advertiser', 'health_uplink', 'ra_advertiser_health', 'uplink'],
  ['nat44-firewall', 'rule_wan_refused_packets_total', 'nat44_firewall_rule_packets_total', 'wan_refused'],
  ['nat44-firewall', 'rule_wan_refused_bytes_total', 'nat44_firewall_rule_bytes_total', 'wan_refused'],
  ['nat44-firewall', 'loads_total', 'nat44_firewall_loads_total'],
  ['console', 'documents_invalid_total', 'console_documents_invalid_total'],
  ['dns64', 'odd-name.of tomorrow', 'dns64_odd_name_of_tomorrow'],
]

describe('the metric that a counter is', () => {
  for (const [service, counter, name, reason] of NAMES)
    it(`${service} ${counter}: ${name}`, () =>
      assert.deepEqual(metricOf(service, counter), { name, ...(reason === undefined ? {} : { reason }) }))
})

describe('the metrics of a site', () => {
  it('say the state of the site, of every service, and count by instance', () => {
    const text = metricsText({
      revision: 3,
      nowMs: NOW,
      reports: [
        report({ counters: { hosts: 2, dropped_no_mapping_packets_total: 5 } }),
        report({ instance: 'b', counters: { hosts: 1, dropped_no_mapping_packets_total: 7 }, revision: 2 }),
        report({
          service: 'dns64',
          state: 'degraded',
          problems: [{ code: 'upstreams-silent', message: '192.0.2.53 does not answer' }],
        }),
        report({ service: 'console', atMs: NOW - 60_000, counters: { documents_published_total: 9 } }),
      ],
    })
    const samples = parseExposition(text)
    const values = (name: string): Record<string, number> =>
      Object.fromEntries(samples.filter((one) => one.name === name).map((one) => [one.series, one.value]))
    assert.deepEqual(values('sixgate_nat64_dropped_packets_total'), {
      'sixgate_nat64_dropped_packets_total{service="nat64",instance="a",reason="no_mapping"}': 5,
      'sixgate_nat64_dropped_packets_total{service="nat64",instance="b",reason="no_mapping"}': 7,
    })
    assert.deepEqual(values('sixgate_config_revision'), {
      'sixgate_config_revision{service="dns64",instance="a"}': 3,
      'sixgate_config_revision{service="nat64",instance="a"}': 3,
      'sixgate_config_revision{service="nat64",instance="b"}': 2,
    })
    assert.deepEqual(values('sixgate_service_instances'), {
      'sixgate_service_instances{service="ra-advertiser"}': 0,
      'sixgate_service_instances{service="dns64"}': 1,
      'sixgate_service_instances{service="nat64"}': 2,
      'sixgate_service_instances{service="nat44-firewall"}': 0,
      'sixgate_service_instances{service="console"}': 0,
    })
    assert.deepEqual(values('sixgate_service_well'), {
      'sixgate_service_well{service="console",instance="a"}': 0,
      'sixgate_service_well{service="dns64",instance="a"}': 0,
      'sixgate_service_well{service="nat64",instance="a"}': 1,
      'sixgate_service_well{service="nat64",instance="b"}': 1,
    })
    assert.deepEqual(values('sixgate_service_problem'), {
      'sixgate_service_problem{service="dns64",instance="a",reason="upstreams-silent"}': 1,
    })
    assert.equal(values('sixgate_config_converged')['sixgate_config_converged'], 0)
    assert.equal(values('sixgate_build_info')['sixgate_build_info{service="nat64",instance="a",version="0.1.0"}'], 1)
    assert.ok(!text.includes('192.0.2.53'), 'no address of the site is in it')
    assert.ok(!text.includes('documents_published'), 'what a silent instance counted is out of date')
  })

  it('can be read whatever a service reports', () => {
    const counters = fc.dictionary(fc.string({ minLength: 1 }), fc.double({ noNaN: true }))
    const odd = fc.record({ counters, version: fc.string(), instance: fc.string() })
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 4 }), (reports) => {
        parseExposition(metricsText({ revision: 1, nowMs: NOW, reports: reports.map((one) => report(one)) }))
      }),
    )
  })

  it('satisfy Prometheus itself: promtool check metrics', () => {
    // Every metric that is described, as its service counts it.
    const described = Object.keys(HELP).map((name) =>
      name.replace(/^nat44_firewall_|^ra_advertiser_|^dns64_|^nat64_|^console_/, ''),
    )
    const counters = Object.fromEntries(described.map((name) => [name, 1]))
    const services = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall', 'console'] as const
    const reports = services.map((service) =>
      report({
        service,
        problems: [{ code: 'x', message: 'y' }],
        counters: Object.fromEntries(
          Object.keys(counters)
            .filter((name) => HELP[`${service.replaceAll('-', '_')}_${name}`] !== undefined)
            .map((name) => [name, 1]),
        ),
      }),
    )
    const input = metricsText({ revision: 3, nowMs: NOW, reports })
    const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    assert.equal(error, undefined, 'promtool is missing (Debian 13: apt-get install promtool)')
    assert.deepEqual({ status, said: `${stdout}${stderr}` }, { status: 0, said: '' })
  })
})
