/** A command that runs in the guest, in a copy of the working tree. */
export interface Step {
  readonly name: string
  readonly argv: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export interface Suite {
  readonly name: string
  readonly says: string
  /** Whose sources and npm packages go along, those that they depend on included. */
  readonly workspaces: readonly string[]
  /** Modules that the suite needs and that no command of it loads by itself. */
  readonly modules: readonly string[]
  /** Of the working tree, beside the workspaces: files and folders. */
  readonly files?: readonly string[]
  /** The guest has a Docker engine, with the product's images in it. */
  readonly needsImages?: boolean
  /** The guest gets so much memory. */
  readonly memoryMiB: number
  /** It is ended after this time: emulated, everything takes ten to thirty times as long. */
  readonly deadlineS: number
  readonly steps: readonly Step[]
  /** After them the power goes; these follow when the guest has booted again, on the same disk. */
  readonly stepsAfterReboot?: readonly Step[]
}

const tests = (name: string, ...files: readonly string[]): Step => ({
  name,
  // One file after the other: they share the guest's two emulated cores.
  argv: ['node', '--test', '--test-reporter=spec', '--test-concurrency=1', '--test-timeout=600000', ...files],
  environment: { FUZZ_RUNS: '600', SIXGATE_SLOWNESS: '15', SIXGATE_GUEST: '1' },
})

/** Of the simulated site: its files are where they outlive the power, and things take so much longer. */
const ON_THE_SITE = { TMPDIR: '/var/tmp', SIXGATE_SLOWNESS: '10' }

/** Tests of the simulated site. */
const onTheSite = (name: string, file: string): Step => {
  const { argv, environment } = tests(name, '--test-force-exit', file)
  return { name, argv, environment: { ...environment, ...ON_THE_SITE } }
}

/** In a network namespace, with the capabilities of the service's container alone (NET_RAW: the test's own packets). */
const withCapabilities = (capabilities: string, { name, argv, environment }: Step): Step => {
  const caps = `-all,${capabilities}`
  return {
    name,
    argv: ['unshare', '--net', 'setpriv', '--bounding-set', caps, '--inh-caps', caps, ...argv],
    environment: { ...environment, SIXGATE_TEST_NAMESPACE: '1' },
  }
}

/** What the simulated site needs in the guest. */
const SITE = {
  workspaces: ['e2e', 'shared/addr', 'shared/site'],
  files: ['docker-compose.yml', 'deploy'],
  needsImages: true,
  modules: ['tun', 'veth', '8021q', 'bridge', 'overlay', 'cls_bpf', 'sch_ingress', 'af_packet', 'br_netfilter'],
  memoryMiB: 3072,
  deadlineS: 3600,
} as const

export const SUITES: readonly Suite[] = [
  {
    name: 'fastpath',
    says: "nat64's eBPF program: the verifier, the golden vectors, random packets, the whole service",
    workspaces: ['services/nat64', 'shared/testkit'],
    modules: ['tun', 'veth', '8021q', 'cls_bpf', 'sch_ingress', 'af_packet'],
    memoryMiB: 2048,
    deadlineS: 3600,
    steps: [
      // Without PERFMON the verifier is stricter.
      withCapabilities(
        '+net_admin,+net_raw,+bpf',
        tests(
          'the verifier with NET_ADMIN and BPF alone, removal, counters',
          'services/nat64/src/io/bpf-generation.test.ts',
        ),
      ),
      tests('what is kept for the next process', 'services/nat64/src/io/fast-path-keep.test.ts'),
      tests('golden vectors through a real TUN', 'services/nat64/src/io/fast-path.vectors.test.ts'),
      tests('golden vectors by BPF_PROG_TEST_RUN', 'services/nat64/src/io/fast-path.test-run.test.ts'),
      tests('golden vectors from a LAN and to it', 'services/nat64/src/io/lan-links.vectors.test.ts'),
      withCapabilities(
        '+net_admin,+net_raw,+bpf',
        tests(
          'which packets of a LAN and to it, and what is left on its link',
          'services/nat64/src/io/lan-links.test.ts',
        ),
      ),
      tests('random packets', 'services/nat64/src/io/fast-path.differential.test.ts'),
      tests('why there is none', 'services/nat64/src/io/fast-path-off.test.ts'),
      tests('the whole service', 'services/nat64/src/fast-path.test.ts'),
      tests('the whole service at a LAN, also a VLAN', 'services/nat64/src/fast-path-lan.test.ts'),
    ],
  },
  {
    name: 'vlans',
    says: 'ra-advertiser on 802.1q VLANs: links, messages, hosts',
    workspaces: ['services/ra-advertiser'],
    modules: ['veth', '8021q', 'af_packet'],
    memoryMiB: 1024,
    deadlineS: 1800,
    steps: [tests('several LANs, two of them VLANs of one port', 'services/ra-advertiser/src/vlans.test.ts')],
  },
  {
    name: 'firewall',
    says: 'rules of nat44-firewall on a kernel that has flowtables: the golden rulesets, flows that skip the rules, the doctor',
    workspaces: ['services/nat44-firewall', 'shared/testkit'],
    modules: [
      'veth',
      'af_packet',
      'nf_conntrack',
      'nft_flow_offload',
      'nf_flow_table_inet',
      'nf_nat_ftp',
      'nf_nat_sip',
    ],
    memoryMiB: 2048,
    deadlineS: 3600,
    steps: [
      tests('flows that skip the rules', 'services/nat44-firewall/src/flowtable-packets.test.ts'),
      // As in the service's container.
      withCapabilities(
        '+net_admin,+net_raw',
        tests('the self-test with NET_ADMIN alone', 'services/nat44-firewall/src/io/flowtable-self-test.test.ts'),
      ),
      tests('golden rulesets', 'services/nat44-firewall/src/io/nft-tool.test.ts'),
      // Last: it plays with the clock and the modules of the guest.
      tests('the doctor: clock and kernel', 'services/nat44-firewall/src/doctor-guest.test.ts'),
    ],
  },
  {
    name: 'flowtable-links',
    says: 'firewall and translator together on a kernel that has flowtables: LAN on a VLAN or a bridge, uplink by PPPoE, with and without the fast path',
    workspaces: ['e2e', 'services/nat64', 'services/nat44-firewall'],
    modules: [
      'tun',
      'veth',
      '8021q',
      'bridge',
      'pppoe',
      'af_packet',
      'cls_bpf',
      'sch_ingress',
      'nf_conntrack',
      'nft_flow_offload',
      'nf_flow_table_inet',
      'nf_nat_ftp',
    ],
    memoryMiB: 2048,
    deadlineS: 3600,
    steps: [tests('flowtables by kind of link', 'e2e/flowtable-links.test.ts')],
  },
  {
    name: 'site',
    says: 'docker-compose.yml with the images, the client behind a VLAN: transcript, fast path, down, and the power goes',
    ...SITE,
    steps: [onTheSite('the site comes up, and goes', 'e2e/vm/site/up.guest.ts')],
    stepsAfterReboot: [onTheSite('the site is back after a power cut', 'e2e/vm/site/after-reboot.guest.ts')],
  },
  {
    name: 'clock',
    says: 'docker-compose.yml with the images under traffic, while the clock jumps',
    ...SITE,
    steps: [
      {
        name: 'the clock jumps',
        argv: ['node', 'e2e/chaos/main.ts'],
        environment: { SIXGATE_GUEST: '1', CHAOS_ONLY: process.env['CHAOS_ONLY'] ?? '', ...ON_THE_SITE },
      },
    ],
  },
]
