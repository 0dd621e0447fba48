import { join } from 'node:path'

/** Where guests, packages and disks of images are kept between runs. */
export const CACHE = join(process.env['SIXGATE_CACHE'] ?? '/var/cache/sixgate', 'vm')
