# Where the reader is. In a fresh clone the finished stack runs first.

begin
if where; then
    mention_edition
    say "${bold}Step $step: $(title "$step")$plain"
    if [ -n "$done" ]; then
        say "Done: steps up to $step of $(last_step)."
        next ./step start
        exit
    fi
    show_task
    if [ "$(cat "$state/passed" 2>/dev/null)" = "$step" ]; then
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
