#!/bin/sh
# soak.sh SEEDS FROM: tests too long for a grader. The judge's trials of SEEDS seeds from FROM on;
# beside them 100,000 connections, and the attacks of steps 42 and 43 in bulk. The last line counts
# the trials that held; the exit status is 0 if all tests passed.

case $1$2 in
    *[!0-9]*) echo "SEEDS=$1 FROM=$2: numbers, such as SEEDS=1000 FROM=1"; exit 2 ;;
esac
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

bulk() {
    ./test/soak.exe -a || return 1
    for attack in "42 100,000" "42 20,000" "43 10^5" "43 flood" "43 UDP socket is bounded"; do
        "./test/step${attack%% *}.exe" -a -s "$from" "${attack#* }" || return 1
    done
}

from=${2:-1}
{ bulk; echo $? >"$tmp/status"; } >"$tmp/bulk" 2>&1 &
./test/judge.exe -f "$from" -n "${1:-1000}" >"$tmp/judge"
held=$?
wait $!
grep -v '^[0-9]* passed, [0-9]* failed$' "$tmp/bulk"
cat "$tmp/judge"
[ "$held" = 0 ] && [ "$(cat "$tmp/status")" = 0 ]
