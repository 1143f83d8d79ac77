#!/bin/sh
# repeat.sh SEEDS FROM: the same seeds on judges built by other compilers and with other
# optimisation. Their packets must be the same, in bits and times: a difference means a read of
# memory never written, or an unspecified order of evaluation.

case $1$2 in
    *[!0-9]*) echo "SEEDS=$1 FROM=$2: numbers, such as SEEDS=50 FROM=1"; exit 2 ;;
esac
seeds=${1:-50}
from=${2:-1}

# traces DIRECTORY CC CFLAGS: builds a judge there, and prints the hash of each seed's packets
traces() {
    make -s B="build/$1" EXE="build/$1/" CC="$2" CFLAGS="$3" "build/$1/test/judge.exe" \
        >/dev/null 2>"build/$1.log" || { cat "build/$1.log" >&2; return 1; }
    "./build/$1/test/judge.exe" -t -f "$from" -n "$seeds" | grep '^seed' | sort
}

mkdir -p build
traces gcc-O2 gcc -O2 >build/traces || exit 1
[ "$(wc -l <build/traces)" = "$seeds" ] || { echo "FAIL not all seeds held"; exit 1; }
failed=0
for variant in "gcc-O0 gcc -O0" "clang-O2 clang -O2"; do
    # shellcheck disable=SC2086 # three words
    set -- $variant
    command -v "$2" >/dev/null || { echo "skip $2 is not installed"; continue; }
    if traces "$@" | diff build/traces - >build/differences; then
        echo "ok $seeds traces are the same with $2 $3"
    else
        echo "FAIL traces differ with $2 $3"
        head -n 4 build/differences
        failed=1
    fi
done
exit $failed
