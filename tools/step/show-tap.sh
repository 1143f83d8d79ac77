# ./step show --tap: the step's demonstration talks to this machine over a TAP device. Read by
# show.sh, which shows the scripted host where no device can be made.

case $step in
    0* | 10) die "Steps 11 to 30 have --tap." "./step show$([ "${step#0}" -lt 4 ] || echo ' --tun')" ;;
esac
. tools/step/device.sh

make -s -C "$mine" test/test.exe >"$state/log" 2>&1 || does_not_compile
compile nc.exe tools/step/nc.c || die "$(cat "$state/log")"

# With a device of the reader's own it runs until Ctrl-C.
if [ -e /sys/class/net/tap0 ]; then
    sed -n '/^ \*\//q; s/^ \* \{0,1\}//p' "$mine/test/test.c" | fold -s -w 79
    say
    trap : INT
    (trap - INT; cd "$mine" && exec ./test/test.exe)
    what_next
    exit
fi
if (cd "$mine" && in_namespace tap sh "$root/tools/step/tap-session.sh" "$step" "$state" "$verbose"); then
    say
    say "To type yourself: make tap in mine/, and ./step show --tap again."
    what_next
    exit
fi
