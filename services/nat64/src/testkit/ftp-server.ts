import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import type { Process } from '@sixgate/testkit'
import type { GatewayLab } from './gateway-lab.ts'

const FTP_USER = 'ftp'

/** What differs between servers: lines of vsftpd.conf. */
export interface FtpServerOptions {
  /** As old servers: only what RFC 959 knows. */
  readonly knowsExtended?: boolean
  readonly tls?: boolean
  readonly lines?: readonly string[]
}

export const hasFtpTools = (): boolean =>
  ['/usr/sbin/vsftpd', '/usr/bin/lftp', '/usr/bin/curl', '/usr/bin/openssl'].every((file) => existsSync(file))

const idOf = (user: string): number => Number(spawnSync('id', ['-u', user], { encoding: 'utf8' }).stdout)

/** vsftpd, on IPv4 only, with a directory to read (`root`) and one to write to (`root/upload`). */
export class FtpServer {
  readonly root: string
  readonly upload: string
  readonly process: Process

  constructor(lab: GatewayLab, { knowsExtended = false, tls = false, lines = [] }: FtpServerOptions = {}) {
    const home = join(lab.stateDir, 'ftp')
    this.root = join(home, 'root')
    this.upload = join(this.root, 'upload')
    mkdirSync(this.upload, { recursive: true })
    for (const path of [lab.stateDir, home, this.root]) spawnSync('chmod', ['a+rx', path])
    const uid = idOf(FTP_USER)
    chownSync(this.upload, uid, uid)
    const empty = join(home, 'empty')
    mkdirSync(empty)
    const certificate = join(home, 'certificate.pem')
    if (tls)
      lab.server.sh(
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=ftp.example',
        '-keyout',
        certificate,
        '-out',
        `${certificate}.crt`,
      )
    const config = join(home, 'vsftpd.conf')
    writeFileSync(
      config,
      [
        'listen=YES',
        'listen_ipv6=NO',
        'background=NO',
        'anonymous_enable=YES',
        'no_anon_password=YES',
        `ftp_username=${FTP_USER}`,
        `anon_root=${this.root}`,
        `secure_chroot_dir=${empty}`,
        'seccomp_sandbox=NO',
        'write_enable=YES',
        'anon_upload_enable=YES',
        'anon_other_write_enable=YES',
        'anon_umask=022',
        'connect_from_port_20=YES',
        'pam_service_name=vsftpd',
        'isolate_network=NO',
        'max_login_fails=5',
        ...(knowsExtended ? [] : ['cmds_denied=EPSV,EPRT']),
        ...(tls ? ['ssl_enable=YES', 'allow_anon_ssl=YES', 'force_anon_data_ssl=NO', 'force_anon_logins_ssl=NO'] : []),
        ...(tls
          ? [`rsa_cert_file=${certificate}.crt`, `rsa_private_key_file=${certificate}`, 'require_ssl_reuse=NO']
          : []),
        ...lines,
        '',
      ].join('\n'),
    )
    this.process = lab.server.spawn('vsftpd', [config])
  }
}
