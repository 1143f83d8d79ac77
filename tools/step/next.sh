# All graders up to the step at hand, plain and with the address sanitizer; then the commit.

begin
check_tools
here
if [ -n "$done" ]; then
    set --
    . tools/step/start.sh
    exit
fi

grade_all() { # SAN-OR-NOTHING
    steps=$(cd "$mine/test" && ls step[0-9][0-9].c | sed 's/[^0-9]//g' | awk -v at="$step" '$1 <= at')
    # shellcheck disable=SC2086 # a list of numbers
    build "$1" $steps || {
        say "${red}mine/ does not compile:$plain"
        show_errors
        next ./step test
        exit 1
    }
    rm -f "$state"/out.*
    printf '%s\n' $steps | xargs -n 1 -P "$cores" sh -c '
        cd "$1" && "./$2test/step$4.exe" >"$3/out.$4" 2>&1 || exit 255 # which ends xargs
    ' step "$mine" "${1:+build/$1/}" "$state" 2>/dev/null
    for number in $steps; do
        tail -n 1 "$state/out.$number" 2>/dev/null | grep -q ' 0 failed$' && continue
        say "${red}Step $number fails${1:+ with the $1 sanitizer}:$plain"
        sed -n '/^FAIL/,$p' "$state/out.$number" | grep -v '^    again: ' | head -n 12
        rm -f "$state/passed"
        say "$number" >"$state/failing"
        next "./step hint, or ./step test${1:+ --san}"
        exit 1
    done
}

say "The graders of steps 00 to $step run, plain and with the address sanitizer."
grade_all ''
grade_all address
rm -f "$state"/out.*
keep "step $step"
in_mine commit -q --no-verify --allow-empty -m "step $step done"
forget
say "${green}Steps 00 to $step pass, with the address sanitizer, too.$plain"
say "Yours now: $(title "$step")."
say
[ "$step" != "$(last_step)" ] || {
    say "That was the last step. The stack is yours."
    next "cd mine && make demo"
    exit
}
set --
. tools/step/start.sh
