/** Forwarding, NAT44 and the firewall, as one service. Environment: see README.md. */
import { runService } from '@sixgate/bus'
import { Firewall } from './io/firewall.ts'

await runService('nat44-firewall', (context) => new Firewall(context))
