# Where the reader is. In a fresh clone the finished stack runs first.

begin

# After three days: the last three steps.
remember() {
    [ $(($(date +%s) - $(in_mine log -1 --format=%ct))) -gt 259200 ] || return 0
    number=$((${step#0} - 3))
    while [ "$number" -lt "${step#0}" ]; do
        [ "$number" -lt 0 ] || say "    before: $(title "$(pad "$number")")"
        number=$((number + 1))
    done
    say "    now: $(sed -n '/^FAIL/{p;q;}' "$state/out" 2>/dev/null)"
}

if where; then
    mention_edition
    say "${bold}Step $step: $(title "$step")$plain"
    if [ -n "$done" ]; then
        say "Done: steps up to $step of $(last_step)."
        next ./step start
        exit
    fi
    remember
    show_task
    show_chapter "$step"
    if has_passed; then
        next ./step next
    else
        next ./step test
    fi
    exit
fi
check_tools
say "This is the finished stack. A scripted host talks to it, on a simulated wire:"
say
make -s test/first.exe 2>/dev/null >&2 || make test/first.exe
./test/first.exe || exit
say
say "You are going to write it, in 30 steps and more. The first is one function."
next ./step start
