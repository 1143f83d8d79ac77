#!/bin/sh
# coverage.sh [SOURCE]: the stack's coverage by the fuzzers' inputs, those committed and those in
# build/fuzz/corpus: a table, or each line of one SOURCE. Needs clang with llvm-profdata and
# llvm-cov.

sources=$(ls ether.c arp.c ip*.c icmp.c udp.c ring.c tcp*.c)
for name in frame stream; do
    make -s SAN=cover CC="${CLANG:-clang}" "build/cover/$name.exe" >/dev/null 2>&1 || exit 1
    mkdir -p "build/fuzz/corpus/$name"
    LLVM_PROFILE_FILE="build/cover/$name.profraw" "build/cover/$name.exe" -runs=0 \
        "test/fuzz/corpus/$name" "build/fuzz/corpus/$name" >"build/cover/$name.log" 2>&1 || exit 1
done
llvm-profdata merge -o build/cover/both.profdata build/cover/frame.profraw \
    build/cover/stream.profraw || exit 1
if [ -n "$1" ]; then
    llvm-cov show build/cover/stream.exe -instr-profile=build/cover/both.profdata "$1"
else
    # shellcheck disable=SC2086 # a list of words
    llvm-cov report build/cover/stream.exe -instr-profile=build/cover/both.profdata $sources
fi
