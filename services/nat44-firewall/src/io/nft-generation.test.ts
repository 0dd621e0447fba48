import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { nftGeneration } from './nft-generation.ts'

const skip = enterNamespace()

test('the generation changes with every change of any table, and only then', { skip }, () => {
  const here = Namespace.here()
  const first = nftGeneration() ?? assert.fail('not told')
  here.sh('nft', 'list', 'ruleset')
  assert.equal(nftGeneration(), first)
  here.sh('nft', 'add table ip somebody')
  const second = nftGeneration()
  assert.notEqual(second, first)
  here.sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  assert.notEqual(nftGeneration(), second)
})

test('without CAP_NET_ADMIN the kernel does not tell', { skip }, () => {
  const script = `
    import { nftGeneration } from ${JSON.stringify(new URL('nft-generation.ts', import.meta.url).href)}
    console.log(nftGeneration())`
  const node = [process.execPath, '--input-type=module', '-e', script]
  const { stdout } = spawnSync('setpriv', ['--bounding-set', '-net_admin', '--inh-caps', '-net_admin', ...node], {
    encoding: 'utf8',
  })
  assert.equal(stdout, 'undefined\n')
})
