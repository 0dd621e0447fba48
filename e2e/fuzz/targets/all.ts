import type { Target } from '../target.ts'
import { BUS } from './bus.ts'
import { RA } from './ra.ts'
import { SITE } from './site.ts'

export const TARGETS: readonly Target[] = [RA, SITE, BUS]
