import { after } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { WEB } from './targets/web.ts'
import { testTarget } from './test-target.ts'

const skip = enterNamespace()
testTarget(WEB, 200, skip)
after(async () => await WEB.close?.())
