#!/bin/sh
# run.sh [TIME] [FUZZ]: make fuzz. Fuzzes with the harness FUZZ (frame or stream), or with both in
# turn, for TIME seconds each. Stops at the first fault and leaves its input in build/fuzz.
#
# To keep an input: shorten it with
#     build/fuzz/FUZZ.exe -minimize_crash=1 -runs=100000 INPUT
# copy it to test/fuzz/corpus/FUZZ/found-NAME, and add a behaviour that describes it to
# test/hostile/corpus.c. To renew the corpus:
#     build/fuzz/FUZZ.exe -merge=1 -use_counters=0 test/fuzz/corpus/FUZZ build/fuzz/corpus/FUZZ

case $1 in
    *[!0-9]*) echo "TIME=$1: seconds, such as 60"; exit 2 ;;
esac
case $2 in
    '' | frame | stream) ;;
    *) echo "FUZZ=$2: frame or stream"; exit 2 ;;
esac
for name in ${2:-frame stream}; do
    make -s SAN=fuzz CC="${CLANG:-clang}" "build/fuzz/$name.exe" || exit 1
    mkdir -p "build/fuzz/corpus/$name"
    echo "fuzzing $name for ${1:-60} seconds"
    "build/fuzz/$name.exe" -max_total_time="${1:-60}" -max_len=1600 -timeout=10 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" \
        "test/fuzz/corpus/$name" >"build/fuzz/$name.log" 2>&1
    status=$?
    if [ $status -ne 0 ]; then
        tail -n 60 "build/fuzz/$name.log"
        echo "FAIL fuzz $name: see build/fuzz/$name.log"
        exit 1
    fi
    sed -n 's/^stat::number_of_executed_units: */ok fuzz '"$name"': executions: /p' \
        "build/fuzz/$name.log"
done
