# Grades the step at hand: the first failure, or with --all each. --san: with the address sanitizer.
# A number: an earlier step. One that ./step next found red is graded first.

begin
check_tools
here
all='' san='' at=$(cat "$state/failing" 2>/dev/null)
at=${at:-$step}
for word; do
    case $word in
        --all | -a) all=-a ;;
        --san) san=address ;;
        SEED=*) SEED=${word#SEED=} && export SEED ;;
        [0-9] | [0-9][0-9])
            at=$(pad "$word")
            [ "$at" -le "$step" ] || die "mine/ is at step $step."
            ;;
        *) die "./step test has no $word." "./step test [NN] [--all] [--san] [SEED=N]" ;;
    esac
done

# The program of the step's grader passes, or its failure is shown.
grade() { # STEP
    if ! build "$san" "$1"; then
        say "${red}mine/ does not compile:$plain"
        show_errors
        next ./step test
        exit 1
    fi
    grep -E -A 2 'warning:' "$state/log" | head -n 6
    program=./${san:+build/$san/}test/step$1.exe
    (cd "$mine" && "$program" $all) >"$state/out" 2>&1 && return
    if [ -n "$all" ]; then
        sed 's|^    again: |    again: cd mine; |' "$state/out"
    else
        # without what ./step says itself; graders of edition 5 also say `3 of 12 pass`
        sed -n '/^FAIL/,$p' "$state/out" | sed -e '/^    again: /d' -e "s/^FAIL.*/$red&$plain/" \
            -e '/^[0-9]* of [0-9]* pass/d' -e '/^not written yet: /d' -e '/^-a reports each$/d' \
            -e 's/; not written yet: .*//' -e 's/; -a reports each$//'
    fi
    say "$1" >"$state/failing"
    show_unwritten "$1"
    next "./step hint, or write and ./step test"
    exit 1
}

show_unwritten() { # STEP
    names=$(to_write "$1" | sed 's/.* //' | tr '\n' ' ')
    [ -z "$names" ] || say "as in the skeleton: $names" | fold -s -w 79
}

# What the stack can do at the end of a part.
show_ending() {
    case $step in
        09) say "Part 1 ends: your stack answers a ping. This machine sends one: ./step show --tun" ;;
        16) say "Part 2 ends: your stack is on a network, behind a gateway too: ./step show --tap" ;;
        19) say "Part 3 ends: programs exchange datagrams through your stack: ./step show --tap" ;;
        24) say "Part 4 ends: your TCP survives a loss: ./step show --tap" ;;
        28) say "Part 5 ends: your TCP opens and closes as the RFC has it: ./step show --tap" ;;
        30) say "Part 6 ends: programs have sockets, on a stack that you wrote: ./step show --tap" ;;
    esac
}

rm -f "$state/passed" "$state/failing"
grade "$at"
rm -f "$state/hint"
if [ "$at" != "$step" ]; then
    say "${green}Step $at passes.$plain"
    next "./step test"
    exit
fi
say "$green$(tail -n 1 "$state/out")$plain"
say "$step" >"$state/passed"
show_ending | fold -s -w 79
next "./step show, ./step answer, ./step next"
