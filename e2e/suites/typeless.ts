import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { SERVICES } from '../harness/stack.ts'

/** The images' sources have no types left: with Node's stripper of types switched off, everything that a service is made of can be loaded. */
export function typelessSuite({ stack }: SiteUnderTest): void {
  for (const service of SERVICES)
    if (service !== 'nats')
      it(`${service} needs no stripper of types`, async () => {
        const script = `await import('/app/services/${service}/src/service.ts')`
        const node = `NODE_OPTIONS="$NODE_OPTIONS --no-strip-types" exec node --input-type=module --eval "${script}"`
        const { code, stdout, stderr } = await stack.tryCompose(['exec', '-T', service, 'sh', '-c', node])
        assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' })
      })
}
