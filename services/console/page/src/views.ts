import { Access } from './views/access.tsx'
import { Config } from './views/config.tsx'
import { Dns } from './views/dns.tsx'
import { Drops } from './views/drops.tsx'
import { Events } from './views/events.tsx'
import { Firewall } from './views/firewall.tsx'
import { History } from './views/history.tsx'
import { Hosts } from './views/hosts.tsx'
import { Overview } from './views/overview.tsx'
import { Queries } from './views/queries.tsx'
import { Routers } from './views/routers.tsx'
import { Throughput } from './views/throughput.tsx'
import { TopNames } from './views/top-names.tsx'

/** In the order of the menu; the first is what one sees first. */
export const VIEWS = [
  { id: 'overview', title: 'Overview', View: Overview },
  { id: 'throughput', title: 'Throughput', View: Throughput },
  { id: 'hosts', title: 'Hosts', View: Hosts },
  { id: 'dns', title: 'DNS', View: Dns },
  { id: 'queries', title: 'Queries', View: Queries },
  { id: 'names', title: 'Top names', View: TopNames },
  { id: 'routers', title: 'Routers', View: Routers },
  { id: 'firewall', title: 'Firewall', View: Firewall },
  { id: 'drops', title: 'Drops', View: Drops },
  { id: 'events', title: 'Events', View: Events },
  { id: 'config', title: 'Config', View: Config },
  { id: 'history', title: 'History', View: History },
  { id: 'access', title: 'Access', View: Access },
] as const
