#!/bin/sh
# Builds bpf/build/nat64.o: one object for every machine, since the target is BPF. Needs clang and nothing else.
#   build.sh            when a source is newer than the object
#   build.sh --force    always
set -eu
cd "$(dirname "$0")"
object=build/nat64.o
if [ "${1:-}" != --force ] && [ -e "$object" ] && [ -z "$(find . -name '*.[ch]' -newer "$object")" ]; then exit 0; fi
mkdir -p build
# v3: 32-bit registers and atomics that return a value, kernel ≥ 5.12.
clang -target bpf -mcpu=v3 -O2 -std=gnu11 -ffreestanding -nostdlibinc -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -c nat64.c -o "$object.new"
mv "$object.new" "$object"
