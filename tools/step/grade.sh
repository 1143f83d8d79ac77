# Points of a stack, for teachers: its sources on the skeleton of the step, whose tests, headers of
# the bench and Makefile are pristine. A missing source gives no points, nor does a behaviour that
# the untouched skeleton passes. DIR: a tree with the stack's sources, or a directory of such trees.
# Status 0: all points.

begin
check_tools
command -v nm >/dev/null || die "nm is missing." "apt install binutils, and ./step grade again"
step=$(pad "$2")
[ -d "$1" ] || die "there is no directory $1"
dir=$(cd "$1" && pwd)
[ -e "$state/commits" ] || follow_edition
[ -n "$(complete "$step")" ] || die "The steps are 00 to $(last_step)."
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

# Puts the sources of a submission on a pristine tree.
submit() { # DIRECTORY
    rm -rf "$work/tree"
    mkdir "$work/tree"
    git archive "$(skeleton "$step")" | tar -x -m -C "$work/tree"
    (cd "$work/tree" && find . -path ./test -prune -o -path ./app -prune -o -name '*.[ch]' -print) |
        while read -r path; do
            [ ! -f "$1/$path" ] || cat "$1/$path" >"$work/tree/$path"
        done
    for own in "$1"/*.[ch] "$1"/driver/*.[ch]; do
        path=${own#"$1/"}
        [ ! -f "$own" ] || [ -e "$work/tree/$path" ] || cat "$own" >"$work/tree/$path"
    done
}

# The names that a tree's objects define and use: FILE NAME TYPE.
symbols() { # TREE FILE...
    objects=$1/build/plain
    shift
    for file; do
        nm -g -P "$objects/$file" | awk -v file="${file%.o}.c" '{ print file, $1, $2 }'
    done
}

stack_symbols() { # TREE
    # shellcheck disable=SC2046 # names of sources have no blanks
    symbols "$1" $(cd "$1/build/plain" && ls ./*.o driver/*.o 2>/dev/null)
}

# What the grader's process must not meet in a submission: a call that the reference's file does not
# have (of the C library only what computes and prints is free), such as _exit or fork; the bench's
# own variables; a name that the bench defines or calls; assembly. Prints the first. This finds the
# lies of a submission, but is no sandbox: grade strangers' code in a container.
find_foreign() {
    grep -lwE '(__)?asm(__)?' "$work"/tree/*.[ch] "$work"/tree/driver/*.[ch] 2>/dev/null |
        sed -n '1s|.*/\(.*\)|\1 has assembly|p'
    stack_symbols "$work/tree" >"$work/symbols"
    cat "$work"/complete/*.h "$work"/complete/platform/linux/*.h | tr -c 'A-Za-z0-9_' '\n' | sort -u |
        awk -v free='^(_GLOBAL_OFFSET_TABLE_|stdout|stderr|puts|putchar|malloc|calloc|realloc|free|qsort|bsearch|abort|labs|abs|sscanf|f?put[cs]|fflush|fwrite|__(stack_chk_fail|assert_fail|errno_location)|(__)?(is|to|mem|str)[a-z]+|__ctype_[a-z_]+|(__)?v?(sn|s|f)?printf)(_chk)?$' '
            FILENAME == "-" { header[$1] = 1; next }
            FILENAME ~ /reference$/ && $3 == "U" { uses[$1, $2] = 1; next }
            FILENAME ~ /reference$/ { defined[$2] = 1; next }
            FILENAME ~ /bench$/ { bench[$2] = 1; next }
            FILENAME ~ /symbols$/ && FNR == 1 { second++ }
            second == 1 && $3 != "U" { own[$2] = 1; next }
            second == 1 { next }
            $3 ~ /[Uwv]/ && ($2 in own || ($1, $2) in uses || $2 in header || $2 ~ free) { next }
            $3 ~ /[Uwv]/ { print $1, "uses", $2; next }
            $2 in bench && !($2 in defined) { print $1, "defines", $2 }
        ' - "$work/reference" "$work/bench" "$work/symbols" "$work/symbols" | sed 's|^[.]/||' | sort
}

# The behaviours that pass, with a sanitizer or without. A program that prints without being asked,
# ends before its sum, or prints results that it has not got, passes nothing.
passed() { # [SAN]
    make_in "$work/tree" "${1-}" "${1:+build/$1/}test/step$step.exe" >"$work/log" 2>&1 || {
        echo "does not compile: $(grep -m 1 error "$work/log")" >"$work/why"
        return
    }
    if [ $# = 0 ]; then
        find_foreign | head -n 1 >"$work/why"
        [ ! -s "$work/why" ] || return
    fi
    program=./${1:+build/$1/}test/step$step.exe
    (cd "$work/tree" && timeout 60 "$program" 'no behaviour has this title') >"$work/out" 2>"$work/err"
    if [ $? != 2 ] || [ -s "$work/out" ]; then
        echo "prints results without running a behaviour" >"$work/why"
        return
    fi
    (cd "$work/tree" && timeout 120 "$program" -a) >"$work/out" 2>&1
    ended=$?
    tail -n 1 "$work/out" | grep -q '^[0-9]* passed, [0-9]* failed$' && [ $ended -le 1 ] || {
        echo "ends early" >"$work/why"
        return
    }
    sed -n -e "s/^ok $step //p" -e "s/^FAIL $step //p" "$work/out" | sort >"$work/shown"
    cmp -s "$work/shown" "$work/titles" || {
        echo "prints results of its own" >"$work/why"
        return
    }
    sed -n 's/^FAIL [0-9]* //p' "$work/out" | head -n 1 | sed 's/^/fails: /' >"$work/why"
    sed -n "s/^ok $step //p" "$work/out" | sort -u
}

# What gives points: all that the untouched skeleton does not pass. Sets total.
find_total() {
    mkdir "$work/skeleton"
    git archive "$(skeleton "$step")" | tar -x -m -C "$work/skeleton"
    mkdir "$work/complete"
    git archive "$(complete "$step")" | tar -x -m -C "$work/complete"
    make_in "$work/complete" "" "test/step$step.exe" >"$work/log" 2>&1 ||
        die "the reference does not compile: $(cat "$work/log")"
    stack_symbols "$work/complete" >"$work/reference"
    # shellcheck disable=SC2046 # names of sources have no blanks
    symbols "$work/complete" $(cd "$work/complete/build/plain" && find test -name '*.o') >"$work/bench"
    "$work/complete/test/step$step.exe" -l | cut -c4- | sort >"$work/titles"
    submit "$work/skeleton"
    passed >"$work/given"
    sed 's/^[^:]*: //' "$(book "$step")/points" | sort | comm -12 - "$work/titles" |
        comm -23 - "$work/given" >"$work/wanted"
    total=$(wc -l <"$work/wanted" | tr -d ' ')
}

grade() { # DIRECTORY: sets points
    : >"$work/why"
    submit "$1"
    passed >"$work/plain"
    [ ! -s "$work/plain" ] || {
        passed address >"$work/address"
        comm -12 "$work/plain" "$work/address" >"$work/both"
        mv "$work/both" "$work/plain"
    }
    points=$(comm -12 "$work/plain" "$work/wanted" | wc -l | tr -d ' ')
}

report() { # NAME
    [ "$points" != "$total" ] || : >"$work/why"
    say "$1: $points of $total points$([ ! -s "$work/why" ] || printf ' (%s)' "$(cat "$work/why")")"
}

find_total
status=0
if ls "$dir"/*.c >/dev/null 2>&1; then
    grade "$dir"
    report "$1"
    [ "$points" = "$total" ]
    exit
fi
for each in "$dir"/*/; do
    [ -d "$each" ] || die "there is no stack in $1"
    grade "${each%/}"
    report "$(basename "$each")"
    [ "$points" = "$total" ] || status=1
done
exit $status
