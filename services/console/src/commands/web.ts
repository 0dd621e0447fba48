import { join } from 'node:path'
import { readEnvironment } from '@sixgate/bus'
import { gatewayView, parseSite } from '@sixgate/site'
import { type Command, JSON_OPTION } from '../command.ts'
import { pageAddresses, pageUrl } from '../core/web/page-addresses.ts'
import { EXIT, withNats } from '../invocation.ts'
import { readPublished } from '../io/publisher.ts'
import { CertificateFile, fingerprintOf } from '../web/certificate.ts'
import { Credentials } from '../web/credentials.ts'

/** The one place that tells the code for the first password: who may run this owns the machine. */
export const WEB: Command = {
  words: 'web',
  examples: ['web', 'web --reset'],
  parameters: [],
  options: { reset: { kind: 'flag', help: 'takes the password away; everybody is logged out' }, ...JSON_OPTION },
  help: 'where the web page is, how to know its certificate, the code for the first password',
  run: async ({ variables, terminal, flag }) => {
    const { stateDir, gateway } = readEnvironment(variables, 'console')
    const credentials = new Credentials(stateDir)
    if (flag('reset')) credentials.reset()
    return await withNats(variables, terminal, async ({ link }) => {
      const published = await readPublished(link)
      if (published === undefined) {
        terminal.complain('no site document was published yet; see: sixgate status')
        return EXIT.NOT_WELL
      }
      const site = gatewayView(parseSite(published.document), gateway)
      const { web, port } = site.console
      if (!web) {
        terminal.complain('the page is off; console.web: true in the site document switches it on')
        return EXIT.NOT_WELL
      }
      const urls = pageAddresses(site).map((address) => pageUrl(address, port))
      const cert = new CertificateFile(stateDir).read()?.cert
      const fingerprint = cert === undefined ? undefined : fingerprintOf(cert)
      const code = credentials.passwordId === undefined ? credentials.setupCode() : undefined
      if (flag('json')) {
        terminal.print(`${JSON.stringify({ urls, fingerprint: fingerprint ?? null, code: code ?? null }, null, 2)}\n`)
        return EXIT.OK
      }
      const lines = [
        ...urls,
        '',
        `certificate  SHA-256 ${fingerprint ?? `none in ${join(stateDir, 'web')} yet`}`,
        code === undefined
          ? 'password     is set; forgotten? sixgate web --reset'
          : `code         ${code}   (for the first password)`,
      ]
      terminal.print(`${lines.join('\n')}\n`)
      return EXIT.OK
    })
  },
}
