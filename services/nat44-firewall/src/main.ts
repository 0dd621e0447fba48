/** Forwarding, NAT44 and the firewall, as one service. Environment: see README.md. */
import { dirname, join } from 'node:path'
import { runService } from '@sixgate/bus'
import { Firewall } from './service.ts'

const { NFT_DIR, SITE = '' } = process.env
const besideTheDocument = SITE.startsWith('file:') ? join(dirname(SITE.slice('file:'.length)), 'nft.d') : '/site/nft.d'

await runService('nat44-firewall', (context) => new Firewall(context, NFT_DIR ?? besideTheDocument))
