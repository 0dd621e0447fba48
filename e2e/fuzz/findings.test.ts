import { TARGETS } from './targets/all.ts'
import { testTarget } from './test-target.ts'

for (const target of TARGETS) testTarget(target, 500)
