#!/bin/sh
# checks.sh: tests the checks. Mistyped arguments are refused, and a test run fails if its programs
# show fewer or other behaviours than they list. One line each; fails if one is FAIL.

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

# shown TEXT WANT PART STATUS: STATUS is WANT, and the output contains PART
shown() {
    if [ "$4" = "$2" ] && grep -q -e "$3" "$tmp/output"; then
        echo "ok checks: $1"
    else
        echo "FAIL checks: $1: status $4, not $2, or the output lacks: $3"
        sed 's/^/    /' "$tmp/output" | head -n 12
        failed=1
    fi
}

# says STATUS PART COMMAND...: ends with this status, and the output contains PART
says() {
    want=$1 part=$2
    shift 2
    "$@" >"$tmp/output" 2>&1
    shown "$*" "$want" "$part" $?
}

# grader LIST OUTPUT STATUS: makes a grader of step 04 that prints these, in a tree of its own
# shellcheck disable=SC2016 # for the script written
grader() {
    printf '#!/bin/sh\n[ "${1-}" != -l ] || { printf "%s"; exit 0; }\nprintf "%s"\nexit %s\n' \
        "$1" "$2" "$3" >"$tmp/test/step04.exe"
    chmod 755 "$tmp/test/step04.exe"
}

# run WHAT STATUS PART: the run of this grader
run() {
    (cd "$tmp" && exec sh test/run.sh '' '') >"$tmp/output" 2>&1
    shown "a grader $1" "$2" "$3" $?
}

says 2 'SAN=adress: address or thread' make test SAN=adress
says 2 'unknown variable STEPS: known are .* STEP' make test STEPS=04
says 2 'SEEDS=abc' make soak SEEDS=abc
says 2 'FROM=1x' make soak FROM=1x
says 2 'SEEDS=-1' make repeat SEEDS=-1
says 2 'ROWS=fast: received, sent' make bench-tap ROWS=fast
says 2 'RUNS=two' make bench-tap RUNS=two
says 2 'TIME=1h' make fuzz TIME=1h
says 2 'FUZZ=frames: frame or stream' make fuzz FUZZ=frames
says 2 "seed 'one' is not a number" make test STEP=00 SEED=one
says 2 'no grader for step 99' make test STEP=99
says 2 "'0' is not a number from 1" test/judge.exe -n 0
says 2 'usage: tools/contents' tools/contents chek
says 2 'no test has .nothing of this kind.' test/threads_test.exe 'nothing of this kind'

mkdir "$tmp/test"
cp test/run.sh "$tmp/test"
: >"$tmp/test/step04.c"
two='04 one\n04 two\n'
grader "$two" 'ok 04 one\nok 04 two\n2 passed, 0 failed\n' 0
run 'that shows all that it lists passes' 0 '^2 passed, 0 failed$'
grader 'ok 04 everything\n1 passed, 0 failed\n' 'ok 04 everything\n1 passed, 0 failed\n' 0
run 'whose constructor prints a false result fails' 1 'not one of its behaviours: 04 everything'
grader '' 'ok 04 everything\n1 passed, 0 failed\n' 0
run 'that lists nothing fails' 1 'step04 lists no behaviour'
grader "$two" 'ok 04 one\n1 passed, 0 failed\n' 0
run 'that omits one fails' 1 '^FAIL lacking: 04 two$'
grader "$two" 'ok 04 one\nok 04 one\n2 passed, 0 failed\n' 0
run 'that shows one twice instead fails' 1 '^FAIL lacking: 04 two$'
grader "$two" 'ok 04 one\nok 04 two\n' 0
run 'that ends before its sum fails' 1 'ended early with status 0'
grader "$two" 'ok 04 one\nok 04 two\n2 passed, 0 failed\n' 3
run 'that ends with another status fails' 1 'ended with status 3'

# The mutator, on a small file. Its test notices the first change of max, which a comment repeats.
mkdir -p "$tmp/small/test"
cat >"$tmp/small/max.c" <<'END'
int max(int a, int b);
int more(const int *a, int b);
int max(int a, int b) /* if (a < b) 1 */
{
    b = b + 0;
    return a < b ? b : a;
}
int more(const int *a, int b)
{
    return b ? more(a, b) : 5;
}
END
cat >"$tmp/small/test/step04.c" <<'END'
#include <stdio.h>
int max(int a, int b);
int main(void)
{
    int good = max(1, 2) == 2 && max(-2, -1) == -1;
    printf(good ? "ok 04 one\n" : "FAIL 04 one\n");
    return 0;
}
END
cat >"$tmp/small/Makefile" <<'END'
build/plain/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<
build/plain/libsim.a: build/plain/max.o
	$(AR) rcs $@ $^
END
says 2 'FILE=: a source' make mutate
says 2 'N=0: a number' make mutate FILE=tcp.c N=0
says 2 'there is no none.c' make mutate FILE=none.c TREE="$tmp/small"
says 0 '^9 changes: 1 do not compile, 2 give the same code, 2 are caught, 4 survive: score 33 %$' \
    make mutate FILE=max.c TREE="$tmp/small"
says 0 '^max.c:10: return b ? more(a, b) : 5; -> return b ? more(a, b) : 6;$' \
    make mutate FILE=max.c TREE="$tmp/small" JOBS=2
says 0 '^1 changes: ' make mutate FILE=max.c TREE="$tmp/small" STEP=4 N=1
sed 's/a < b/b < a/' "$tmp/small/max.c" >"$tmp/max.c"
mv "$tmp/max.c" "$tmp/small"
says 2 'step04 fails without a change' make mutate FILE=max.c TREE="$tmp/small"
exit $failed
