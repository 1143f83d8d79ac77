# ./step show --tun: this machine's ping and the reader's stack, over a TUN device. Read by show.sh,
# which shows the scripted host where no device can be made.

case $step in
    0[4-9] | 10) ;;
    0*) die "Steps 04 to 10 have --tun." "./step show" ;;
    *) die "Steps 04 to 10 have --tun." "./step show --tap" ;;
esac
. tools/step/device.sh

make -s -C "$mine" libmicrops.a >"$state/log" 2>&1 &&
    compile tun.exe tools/step/tun.c -DSTEP="${step#0}" -I "$mine" -I "$mine/platform/linux" \
        "$mine/libmicrops.a" || does_not_compile

if in_namespace tun "$state/tun.exe" ${verbose:+"$verbose"} ${ping:+"$ping"}; then
    what_next
    exit
fi
