# Runs the step's demonstration, test/test.c, on the reader's stack until Ctrl-C.

begin
check_tools
here
[ "$step" -le 30 ] || die "From step 31 on the programs are the demonstration: cd mine, then make run."
if ! make -s -C "$mine" test/test.exe >"$state/log" 2>&1; then
    say "${red}mine/ does not compile:$plain"
    show_errors
    next ./step test
    exit 1
fi
if [ "$step" -ge 11 ] && [ ! -e /sys/class/net/tap0 ]; then
    say "The demonstration of step $step talks to this machine through the device tap0."
    next "cd mine; make tap (as root, or with sudo); then ./step show"
    exit 1
fi
sed -n '/^ \*\//q; s/^ \* \{0,1\}//p' "$mine/test/test.c"
say
trap : INT # it ends the demonstration, which then shuts the stack down
(trap - INT; cd "$mine" && exec ./test/test.exe)
say
next ./step test
