# Grades the step at hand: the first failure, or with --all each. --san: with the address sanitizer.

begin
check_tools
here
all='' san=''
for word; do
    case $word in
        --all | -a) all=-a ;;
        --san) san=address ;;
        SEED=*) SEED=${word#SEED=} && export SEED ;;
        *) die "./step test [--all] [--san] [SEED=N]" ;;
    esac
done
rm -f "$state/passed"
if ! build "$san" "$step"; then
    say "${red}mine/ does not compile:$plain"
    show_errors
    next ./step test
    exit 1
fi
grep -E -A 2 'warning:' "$state/log" | head -n 6
program=./${san:+build/$san/}test/step$step.exe
if (cd "$mine" && "$program" $all) >"$state/out" 2>&1; then
    say "$green$(tail -n 1 "$state/out")$plain"
    say "$step" >"$state/passed"
    next "./step show, or ./step next"
    exit
fi
if [ -n "$all" ]; then
    cat "$state/out"
else
    sed -n '/^FAIL/,$p' "$state/out" | grep -v '^    again: ' | sed '$d' |
        sed "s/^FAIL.*/$red&$plain/"
fi
next "./step hint, or write and ./step test"
exit 1
