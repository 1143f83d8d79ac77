#!/bin/sh
# whole-course.sh [FROM [TO]]: takes the course from step 00 to 30 by ./step alone, in a fresh clone.
# In each step the grader is red, ./step hint knows something about each failure, the reference's
# functions are put in one by one, and after each the behaviours pass that the file points promises.
# Prints the time of each step, and from `git clone` to the first that passes, and to step 09.

cd "$(dirname "$0")/.." || exit
. test/course-lib.sh
from=${1:-00} to=${2:-30}
failed=0

now() { # in hundredths of a second
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}

# Prints the seconds since a time.
since() { # TIME
    now
    echo "$(((now - $1) / 100)).$(((now - $1) / 10 % 10)) s"
}

wrong() {
    echo "FAIL whole-course: step $step: $*"
    failed=1
}

expect() { # STATUS TEXT COMMAND...
    says "$@" >"$tmp/why" || wrong "$(cat "$tmp/why")"
}

# The behaviours that pass for good once K entries of the list are written, as far as the grader of
# this edition has them: the file points may already know those of the next.
promised() { # K
    entries "$step" | awk -v k="$1" '
        FILENAME == "-" { name[$2 == "+" ? $1 : $2] = NR; next }
        { at = index($0, ": "); if (name[substr($0, 1, at - 1)] <= k) print substr($0, at + 2) }
    ' - docs/book/"$step"-*/points | sort | comm -12 - "$tmp/titles"
}

all_pass() { # K
    promised "$1" >"$tmp/promised"
    cmp -s "$tmp/promised" "$tmp/titles"
}

# With K entries written ./step test names the functions that are left.
not_written() { # K
    left=$(entries "$step" | awk -v k="$1" 'NR > k && $2 != "+" { printf "%s ", $2 }')
    [ "$(sed -n '/^as in the skeleton: /,/^next/p' "$tmp/out" | sed '$d' | tr -d '\n')" = \
        "${left:+as in the skeleton: $left}" ] ||
        wrong "as in the skeleton is: $left. $(cat "$tmp/out")"
}

# The grader says what it should, with K entries written.
check_points() { # K
    if all_pass "$1"; then
        expect 0 ' 0 failed$' ./step test --all
        return
    fi
    expect 1 "^FAIL $step " ./step test --all
    not_written "$1"
    sed -n "s/^ok $step //p" "$tmp/out" | sort | comm -23 "$tmp/promised" - >"$tmp/lacking"
    [ ! -s "$tmp/lacking" ] || wrong "with $1 of its functions these fail: $(cat "$tmp/lacking")"
}

# The first failure, and the three stages of the help.
check_red() {
    expect 1 "^FAIL $step " ./step test
    not_written 0
    for stage in 'hint goes on' 'hint goes on' 'answer'; do expect 0 "$stage" ./step hint; done
    expect 0 'not pass yet' ./step answer
}

take_step() {
    now
    begin=$now
    expect 0 "^Step $step: " ./step
    check_red
    "mine/test/step$step.exe" -l | cut -c4- | sort >"$tmp/titles"
    num=$(entries "$step" | wc -l)
    k=0
    while [ "$k" -lt "$num" ]; do
        check_points "$k"
        [ "$k" = 0 ] || all_pass "$k" || expect 0 '^FAIL ' ./step hint
        k=$((k + 1))
        write_step "$step" "$k"
    done
    expect 0 ' 0 failed$' ./step test
    written=$(since "$begin")
    case $step in
        "$from") first=$(since "$cloned") ;;
        09) ninth=$(since "$cloned") ;;
    esac
    git -C mine diff --quiet "book_step${step}_complete" || wrong "mine/ is not the reference"
    case $step in
        04 | 09 | 14 | 22 | 30) expect 0 . timeout 60 ./step show ;;
    esac
    expect 0 '^next: ' ./step answer
    [ "$(grep -c '^the same$' "$tmp/out")" = "$(entries "$step" | grep -vc ' [+] ')" ] ||
        wrong "./step answer: $(cat "$tmp/out")"
    now
    checked=$now
    expect 0 "^Step $(printf %02d $((${step#0} + 1))): " ./step next
    [ $failed = 0 ] || exit 1
    echo "ok whole-course: step $step, $num functions: written in $written," \
        "./step next $(since "$checked")"
}

now
cloned=$now
git clone -q "$tmp/origin" "$tmp/clone" && cd "$tmp/clone" || exit
step=$from
expect 0 hello ./step
expect 0 "^Step $step: " ./step start "$step"
echo "ok whole-course: cloned and begun in $(since "$cloned")"
for step in $(seq -w "$((${from#0}))" "$((${to#0}))"); do
    [ ${#step} = 2 ] || step=0$step
    take_step
done
echo "ok whole-course: from git clone until step $from passes $first${ninth:+, step 09 $ninth}," \
    "in all $(since "$cloned")"
exit $failed
