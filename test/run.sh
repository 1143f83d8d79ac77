#!/bin/sh
# run.sh EXE_PREFIX SAN: runs all graders, the threads test of the real platform and the end-to-end
# tests, and compares the passed ones with docs/conformance.md. With SAN=thread only the threads
# test: in the bench one thread runs at a time, so that there are no races. One line for each
# behaviour, and last the sum. SEED=N gives other random choices; CI=true allows no test to be
# skipped. A grader lists its behaviours (-l) and must show each once.

EXE=$1
SAN=$2
export EXE SAN

case ${SEED-} in
    *[!0-9]*) echo "SEED=$SEED: a number, such as 1"; exit 2 ;;
esac

passed=0
failed=0
skipped=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# count FILE STATUS NAME: adds up the lines of one program, which fails if it ends with another
# status than 0, or shows no behaviour.
count() {
    cat "$1" >>"$tmp/results"
    ok=$(grep -c '^ok ' "$1")
    bad=$(grep -c '^FAIL ' "$1")
    skip=$(grep -c '^skip ' "$1")
    if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "FAIL $3 ended with status $2"
        bad=1
    elif [ $((ok + bad + skip)) -eq 0 ]; then
        echo "FAIL $3 shows no behaviour"
        bad=1
    fi
    if [ "$skip" -gt 0 ] && [ "$CI" = true ]; then
        echo "FAIL $3 skipped $skip tests, and CI=true allows none"
        bad=$((bad + skip))
        skip=0
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    skipped=$((skipped + skip))
}

# compare FILE LIST NAME: checks that FILE shows each behaviour of LIST once, and no other. LIST is
# the program's output with -l.
compare() {
    [ -s "$2" ] || echo "FAIL $3 lists no behaviour"
    sed -n -e 's/^ok //p' -e 's/^FAIL //p' -e 's/^skip //p' "$1" | sort >"$tmp/shown"
    sort "$2" | comm -23 - "$tmp/shown" | sed 's/^/FAIL lacking: /'
    sort "$2" | comm -13 - "$tmp/shown" | sed 's/^/FAIL not one of its behaviours: /'
}

# A grader's last line is its own sum: without it the grader has ended early.
begin() {
    name=$(basename "$1" .exe)
    all=-a # report each failure
    [ "$name" != threads_test ] || all=
    ( "$1" $all >"$tmp/$name" 2>&1; echo $? >"$tmp/$name.status" ) &
}

end() {
    name=$(basename "$1" .exe)
    wait "$2"
    status=$(cat "$tmp/$name.status" 2>/dev/null || echo 255)
    "$1" -l >"$tmp/$name.list" 2>/dev/null
    compare "$tmp/$name" "$tmp/$name.list" "$name" >"$tmp/$name.wrong"
    if ! tail -n 1 "$tmp/$name" | grep -q '^[0-9]* passed, [0-9]* failed$'; then
        echo "FAIL $name ended early with status $status" >>"$tmp/$name.wrong"
    fi
    cat "$tmp/$name.wrong" >>"$tmp/$name"
    grep -v '^[0-9]* passed, [0-9]* failed$' "$tmp/$name"
    count "$tmp/$name" "$status" "$name"
}

# Runs two graders at a time, their output in order.
graders() {
    before=
    for grader in "$@"; do
        begin "$grader"
        pid=$!
        [ -n "$before" ] && end "$before" "$before_pid"
        before=$grader
        before_pid=$pid
    done
    [ -n "$before" ] && end "$before" "$before_pid"
}

end_to_end() {
    for script in test/e2e/*.sh; do
        [ -x "$script" ] || continue
        { "$script" 2>&1; echo $? >"$tmp/e2e.status"; } | tee "$tmp/e2e"
        count "$tmp/e2e" "$(cat "$tmp/e2e.status")" "$script"
    done
}

# Runs the test of the real platform with many threads.
threads() {
    [ ! -e test/threads_test.c ] || graders "./${EXE}test/threads_test.exe"
}

conformance() {
    sh test/conformance.sh "$tmp/results" >"$tmp/conformance"
    status=$?
    cat "$tmp/conformance"
    count "$tmp/conformance" "$status" conformance
}

if [ "$SAN" = thread ]; then
    threads
else
    list=
    for source in test/bench_selftest.c test/step[0-9][0-9].c test/hostile/*.c test/parsers.c \
        test/units.c test/watch_selftest.c test/watch_cwnd_selftest.c; do
        [ -e "$source" ] && list="$list ./$EXE${source%.c}.exe"
    done
    # shellcheck disable=SC2086 # a list of words
    graders $list
    threads
    end_to_end
    [ ! -e test/conformance.sh ] || conformance
fi

[ "$skipped" -gt 0 ] && left=", $skipped skipped"
echo "$passed passed, $failed failed$left"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
