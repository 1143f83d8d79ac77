# Points of a stack, for teachers: its sources on the skeleton of the step, whose tests, headers of
# the bench and Makefile are pristine. A missing source gives no points, nor does a behaviour that
# the untouched skeleton passes. DIR: a tree with the stack's sources, or a directory of such trees.
# Status 0: all points.

begin
check_tools
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
}

# The behaviours that pass, with a sanitizer or without. A program that prints without being asked,
# or ends before its sum, passes nothing.
passed() { # [SAN]
    make -s -C "$work/tree" ${1:+SAN="$1"} "${1:+build/$1/}test/step$step.exe" >"$work/log" 2>&1 || {
        echo "does not compile: $(grep -m 1 error "$work/log")" >"$work/why"
        return
    }
    program=./${1:+build/$1/}test/step$step.exe
    (cd "$work/tree" && timeout 60 "$program" 'no behaviour has this title') >"$work/out" 2>"$work/err"
    if [ $? != 2 ] || [ -s "$work/out" ]; then
        echo "prints results without running a behaviour" >"$work/why"
        return
    fi
    (cd "$work/tree" && timeout 120 "$program" -a) >"$work/out" 2>&1
    tail -n 1 "$work/out" | grep -q '^[0-9]* passed, [0-9]* failed$' || {
        echo "ends early" >"$work/why"
        return
    }
    sed -n 's/^FAIL [0-9]* //p' "$work/out" | head -n 1 | sed 's/^/fails: /' >"$work/why"
    sed -n "s/^ok $step //p" "$work/out" | sort -u
}

# What gives points: all that the untouched skeleton does not pass. Sets total.
find_total() {
    mkdir "$work/skeleton"
    git archive "$(skeleton "$step")" | tar -x -m -C "$work/skeleton"
    submit "$work/skeleton"
    passed >"$work/given"
    sed 's/^[^:]*: //' "$(book "$step")/points" | sort | comm -23 - "$work/given" >"$work/wanted"
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
