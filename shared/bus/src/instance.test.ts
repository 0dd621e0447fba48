import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { containerId, instanceName, isOnGateway } from './instance.ts'

const ID = '0123456789abcdef'.repeat(4)

describe('the name of an instance', () => {
  const ROWS: readonly (readonly [string, string, string | undefined])[] = [
    [
      'Docker',
      `1 2 8:1 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`,
      ID.slice(0, 12),
    ],
    [
      'another data root',
      `1 2 8:1 /srv/docker/containers/${ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/x rw`,
      ID.slice(0, 12),
    ],
    ['no container', '1 2 8:1 / / rw - ext4 /dev/sda1 rw', undefined],
    ['something alike', `1 2 8:1 /containers/${ID.slice(1)}/hostname /x rw - ext4 /dev/sda1 rw`, undefined],
    ['nothing', '', undefined],
  ]
  for (const [what, mountInfo, expected] of ROWS) it(what, () => assert.equal(containerId(mountInfo), expected))

  it('is one token of a NATS subject', () => assert.match(instanceName(), /^[A-Za-z0-9-]+$/))
  it('has the name of its gateway in front', () => assert.equal(instanceName('a'), `a-${instanceName()}`))
  it('says which gateway it is on', () => {
    const [here, elsewhere] = [isOnGateway(instanceName('a'), 'a'), isOnGateway(instanceName('a'), 'b')]
    assert.deepEqual([here, elsewhere, isOnGateway(instanceName(), undefined)], [true, false, true])
  })
})
