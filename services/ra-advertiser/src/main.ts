/** ra-advertiser: the LAN link of the site and its Router Advertisements. */
import { runService } from '@sixgate/bus'
import { RaService } from './service.ts'

await runService('ra-advertiser', (context) => new RaService(context))
