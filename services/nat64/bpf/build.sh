#!/bin/sh
# Builds bpf/build/*.o: objects for every machine, since the target is BPF. Needs clang and nothing else.
#   build.sh            when a source is newer than the objects: nat64.o, and the tests' own
#   build.sh --force    always, and nat64.o alone
set -eu
cd "$(dirname "$0")"
# compile SOURCE OBJECT
# v3: 32-bit registers and atomics that return a value, kernel ≥ 5.12.
# No slot of the stack for two things: without CAP_PERFMON the verifier of 6.1 lets no number be written where a pointer was.
compile() {
  clang -target bpf -mcpu=v3 -O2 -mllvm -no-stack-slot-sharing -mllvm -no-stack-coloring -std=gnu11 -ffreestanding -nostdlibinc -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -c "$1" -o "$2.new"
  mv "$2.new" "$2"
}
mkdir -p build
if [ "${1:-}" = --force ]; then
  compile nat64.c build/nat64.o
  exit
fi
for pair in nat64.c=build/nat64.o test/ethernet.c=build/test-ethernet.o; do
  source=${pair%%=*} object=${pair#*=}
  if [ ! -e "$object" ] || [ -n "$(find . \( -name '*.[ch]' -o -name build.sh \) -newer "$object")" ]; then compile "$source" "$object"; fi
done
