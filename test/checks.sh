#!/bin/sh
# checks.sh: do the checks see what they should? What is mistyped is refused, and a test run whose
# programs show less than they have, or more, fails. A line a behaviour; fails if one is FAIL.

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

# shown TEXT WANT PART STATUS: what has ended with this status had to end with WANT, and say PART
shown() {
    if [ "$4" = "$2" ] && grep -q -e "$3" "$tmp/output"; then
        echo "ok checks: $1"
    else
        echo "FAIL checks: $1: status $4, not $2, or it does not say: $3"
        sed 's/^/    /' "$tmp/output" | head -n 12
        failed=1
    fi
}

# says STATUS PART COMMAND...: ends with this status and says this
says() {
    want=$1 part=$2
    shift 2
    "$@" >"$tmp/output" 2>&1
    shown "$*" "$want" "$part" $?
}

# grader LIST OUTPUT STATUS: a grader of step 04 that says this, in a tree of its own
# shellcheck disable=SC2016 # for the script that is written
grader() {
    printf '#!/bin/sh\n[ "${1-}" != -l ] || { printf "%s"; exit 0; }\nprintf "%s"\nexit %s\n' \
        "$1" "$2" "$3" >"$tmp/test/step04.exe"
    chmod 755 "$tmp/test/step04.exe"
}

# run WHAT STATUS PART: a run of this grader
run() {
    (cd "$tmp" && exec sh test/run.sh '' 04 '') >"$tmp/output" 2>&1
    shown "a grader $1" "$2" "$3" $?
}

says 2 'SAN=adress: address or thread' make test SAN=adress
says 2 'nothing knows STEPS: there are .* STEP' make test STEPS=04
says 2 'SEEDS=abc' make soak SEEDS=abc
says 2 'FROM=1x' make soak FROM=1x
says 2 'SEEDS=-1' make repeat SEEDS=-1
says 2 'TIME=1h' make fuzz TIME=1h
says 2 'FUZZ=frames: frame or stream' make fuzz FUZZ=frames
says 2 'SEED=one' make test STEP=00 SEED=one
says 2 'no grader for step 99' make test STEP=99
says 2 "'0' is not a number from 1" test/judge.exe -n 0
says 2 'no test has .nothing of this kind.' test/threads_test.exe 'nothing of this kind'

mkdir "$tmp/test"
cp test/run.sh "$tmp/test"
: >"$tmp/test/step04.c"
two='04 one\n04 two\n'
grader "$two" 'ok 04 one\nok 04 two\n2 passed, 0 failed\n' 0
run 'that shows all it lists passes' 0 '^2 passed, 0 failed$'
grader 'ok 04 everything\n1 passed, 0 failed\n' 'ok 04 everything\n1 passed, 0 failed\n' 0
run 'whose constructor says that all is well fails' 1 'not one of its behaviours: 04 everything'
grader '' 'ok 04 everything\n1 passed, 0 failed\n' 0
run 'that lists nothing fails' 1 'step04 lists no behaviour'
grader "$two" 'ok 04 one\n1 passed, 0 failed\n' 0
run 'that leaves one out fails' 1 '^FAIL lacking: 04 two$'
grader "$two" 'ok 04 one\nok 04 one\n2 passed, 0 failed\n' 0
run 'that shows one twice instead fails' 1 '^FAIL lacking: 04 two$'
grader "$two" 'ok 04 one\nok 04 two\n' 0
run 'that breaks off before its sum fails' 1 'broke off with status 0'
grader "$two" 'ok 04 one\nok 04 two\n2 passed, 0 failed\n' 3
run 'that ends badly fails' 1 'ended with status 3'
exit $failed
