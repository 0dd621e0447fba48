import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { WAN_ADDRESS } from '../topologies/home.ts'

const URL = 'ftp://ftp.example'
/** What each tool types to fetch a file, to put it back, and to list. */
const TOOLS = {
  passive: {
    curl: 'curl -sS -m 60 --ftp-pasv',
    lftp: 'set ftp:passive-mode on',
  },
  active: {
    curl: 'curl -sS -m 60 --ftp-port -',
    lftp: 'set ftp:passive-mode off',
  },
} as const

/** A server that knows RFC 959 only, an IPv6-only client: nat64 translates the commands, conntrack lets the data in. */
export function ftpSuite({ home }: SiteUnderTest): void {
  const { client, internet } = home

  /** What came back is what was fetched, octet for octet. */
  const isSame = async (name: string): Promise<void> => {
    const { output } = await internet.type(`cmp /srv/ftp/8M /srv/ftp/upload/${name} && echo same`)
    assert.equal(output, 'same\n')
  }

  for (const [mode, { curl, lftp }] of Object.entries(TOOLS))
    describe(mode, () => {
      it('curl: down, up and a listing', async () => {
        const file = `/tmp/curl-${mode}`
        const { code, output } = await client.type(
          `${curl} -o ${file} ${URL}/8M && ${curl} -T ${file} ${URL}/upload/curl-${mode} && ${curl} ${URL}/`,
        )
        assert.equal(code, 0, output)
        assert.match(output, / 8388608 .* 8M$/m)
        await isSame(`curl-${mode}`)
      })

      it('lftp: several transfers in one session', async () => {
        const file = `/tmp/lftp-${mode}`
        const script = [
          `${lftp}; set net:max-retries 1; set net:timeout 20; set ftp:ssl-allow no; open ${URL}`,
          `get 8M -o ${file}; put ${file} -o upload/lftp-${mode}; get 8M -o ${file}-again; ls; bye`,
        ].join('; ')
        const { code, output } = await client.type(`lftp -c '${script}' && cmp ${file} ${file}-again`)
        assert.equal(code, 0, output)
        await isSame(`lftp-${mode}`)
      })
    })

  it('the server talked to nobody but the one WAN address', async () => {
    const { output } = await internet.type(
      `grep -oP 'Client "(::ffff:)?\\K[0-9.]+' /var/log/internet/ftp.log | sort -u`,
    )
    assert.equal(output.trim(), WAN_ADDRESS)
  })
}
