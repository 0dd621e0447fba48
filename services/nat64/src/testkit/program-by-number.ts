/** Asks the kernel for the program with a number, as bpftool does; prints `found`, or the name of the error. */
import { errnoName, libc } from '@sixgate/host'
import { BPF, bpf } from '../io/bpf-syscall.ts'

const result = bpf(BPF.PROG_GET_FD_BY_ID, (view) => view.setUint32(0, Number(process.argv[2]), true))
process.stdout.write(result < 0 ? errnoName(-result) : 'found')
if (result >= 0) libc.closeFd(result)
