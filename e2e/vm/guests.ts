/** A virtual machine: another kernel, another architecture. */
export interface Guest {
  readonly name: string
  readonly says: string
  /** Debian's names. */
  readonly suite: 'bookworm' | 'trixie'
  readonly arch: 'amd64' | 'arm64'
  readonly kernelPackage: string
  /** The emulator with the machine that it plays; disks, memory and console are added. */
  readonly qemu: readonly [command: string, ...args: string[]]
  /** The kernel's name of the serial console. */
  readonly console: string
}

/** All instructions are emulated (TCG): the same on every machine, also where there is no /dev/kvm. */
const AMD64 = {
  arch: 'amd64',
  qemu: ['qemu-system-x86_64', '-machine', 'q35', '-cpu', 'max'],
  console: 'ttyS0',
} as const
/** The cores of a Raspberry Pi 4. */
const ARM64 = {
  arch: 'arm64',
  qemu: ['qemu-system-aarch64', '-machine', 'virt', '-cpu', 'cortex-a72'],
  console: 'ttyAMA0',
} as const

export const GUESTS: readonly Guest[] = [
  {
    name: 'debian12-amd64',
    says: 'kernel 6.1, the oldest that is supported',
    suite: 'bookworm',
    kernelPackage: 'linux-image-amd64',
    ...AMD64,
  },
  {
    name: 'debian12-arm64',
    says: 'kernel 6.1 of the cloud images, arm64',
    suite: 'bookworm',
    kernelPackage: 'linux-image-cloud-arm64',
    ...ARM64,
  },
  {
    name: 'debian13-amd64',
    says: 'kernel 6.12 of the cloud images',
    suite: 'trixie',
    kernelPackage: 'linux-image-cloud-amd64',
    ...AMD64,
  },
  {
    name: 'debian13-arm64',
    says: 'kernel 6.12 of the cloud images, arm64',
    suite: 'trixie',
    kernelPackage: 'linux-image-cloud-arm64',
    ...ARM64,
  },
]

/** Node's and npm's name of the architecture. */
export const nodeArch = (guest: Guest): 'x64' | 'arm64' => (guest.arch === 'amd64' ? 'x64' : 'arm64')
