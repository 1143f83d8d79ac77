#!/bin/sh
# Many clients and many bytes in one run of the server, and its resources afterwards
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 tcps.exe

. test/e2e/common
tap_up

at_once=500 serial=5000 mib=64
if [ -n "$sanitizer" ]; then
    serial=500 mib=4
    ip link set tap0 txqueuelen 10000 # else a slow server loses frames of a thousand clients
fi

serve "$bin/tcps.exe" -q 7 || finish
fds=$(descriptors) alone=$(threads)
check "the first client is served" client serial 1

alone_again() {
    [ "$(threads)" = "$alone" ] && [ "$(descriptors)" = "$fds" ]
}

check "$at_once clients at once" client many $at_once
check "1000 clients at once" client many 1000
check "their threads have ended" wait_for 60 alone_again
rss=$(resident)
check "$serial clients one after another" client serial $serial
check "their threads have ended, and no descriptor is left" wait_for 10 alone_again

grown_little() {
    now=$(resident)
    echo "from $rss to $now KiB"
    [ "$now" -le $((rss + 4096)) ]
}
[ -n "$sanitizer" ] || measure "memory has not grown beyond that of the 1000" grown_little
measure "$mib MiB of random bytes are echoed" client bulk $((mib * 1048576))

three_streams() {
    client bulk 1048576 >"$tmp/1" 2>&1 & one=$!
    client bulk 1048576 >"$tmp/2" 2>&1 & two=$!
    client bulk 1048576 && wait $one && wait $two
}
check "three streams at once are echoed" three_streams

killed_mid_stream() {
    connect flood || return 1
    sleep 0.5
    kill -9 $! && client serial 10 && wait_for 10 alone_again
}
check "a client killed mid-stream leaves nothing behind" killed_mid_stream

closed_with_all_connected() {
    for _ in 1 2 3 4 5; do connect hold || return 1; done
    connect flood || return 1
    stop_clean INT
}
check "SIGINT with clients mid-stream: status 0, silently" closed_with_all_connected

# A user limited to 40 threads (root is not): further clients are turned away, and the server goes
# on.
caps=+net_admin,+dac_override
limited="prlimit --nproc=40 setpriv --reuid 65534 --regid 65534 --clear-groups
         --inh-caps $caps --ambient-caps $caps"
starved() {
    serve $limited "$bin/tcps.exe" -qq 7 || return 1
    client try 300 >"$tmp/try"
    served=$(sed 's/ .*//' "$tmp/try")
    echo "$served served, $(threads) threads"
    [ "$served" -ge 20 ] && [ "$served" -lt 50 ] || return 1
    wait_for 10 alone_again && client serial 10 && stop_clean INT
}
if [ -n "$sanitizer" ]; then
    :
elif $limited true 2>/dev/null; then
    check "with too few threads the clients that get one are served" starved
else
    skip_one "setpriv cannot run a server as another user here"
fi
finish
