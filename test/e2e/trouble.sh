#!/bin/sh
# Hosts and devices that disappear
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 tcps.exe

. test/e2e/common
tap_up

serve "$bin/tcps.exe" -q 7 || finish
ping $stack >/dev/null

# Without the address the kernel does not even send resets.
host_vanishes() {
    connect hold && connect flood || return 1
    ip addr del $host/24 dev tap0
    kill -9 $clients
    sleep 2
    clients=
    ip addr add $host/24 dev tap0
    ping $stack && client serial 10
}
check "a host that vanishes and returns is served again" host_vanishes
# Since step 49, R1 is reached in the two seconds; nothing else is logged.
stop_warned() {
    stop INT || return 1
    ! grep -v 'no answer to 3 retransmissions' "$tmp/server.err"
}
check "connections of a vanished host do not keep the server from ending" stop_warned

serve "$bin/tcps.exe" -q 7 || finish
link_flaps() {
    connect hold || return 1
    ip link set tap0 down
    sleep 0.5
    ip link set tap0 up
    ping $stack && client serial 10
}
check "a TAP works again after a time down" link_flaps
check "the server ends with status 0" stop INT

# cpu: the server's processor time, in ticks of 10 ms
cpu() {
    cut -d' ' -f14,15 "/proc/$server/stat" | awk '{ print $1 + $2 }'
}
tap_taken_away() {
    connect hold && connect flood || return 1
    ip link del tap0
    sleep 1
    before=$(cpu)
    sleep 1
    used=$(($(cpu) - before))
    echo "$used ticks in a second, alive: $(ls -d "/proc/$server")"
    cat "$tmp/server.err"
    [ $used -lt 20 ] && ! ended "$server"
}
serve "$bin/tcps.exe" -q 7 || finish
check "a removed TAP leaves the server alive and idle" tap_taken_away
said_once() {
    cat "$tmp/server.err"
    lines=$(wc -l <"$tmp/server.err")
    [ "$lines" -ge 1 ] && [ "$lines" -le 20 ]
}
check "a removed TAP is logged, and not over and over" said_once
check "SIGINT still ends the server with status 0" stop INT

tap_up
serve "$bin/tcps.exe" -q 7 || finish
ip link del tap0
check "a TAP removed without traffic is missed soon" \
    wait_for 5 grep -q "tap0 is gone" "$tmp/server.err"
check "SIGINT still ends the server with status 0" stop INT

tap_up
serve "$bin/tcps.exe" 7 || finish
made_again() {
    for pause in 0 0.1 2; do
        ip link del tap0
        sleep $pause
        tap_up
        wait_for 8 timeout 2 "$e2e/client.exe" $stack 7 serial 1 || return 1
    done
    cat "$tmp/server.err"
    [ "$(grep -c 'tap0 is gone' "$tmp/server.err")" = 3 ] &&
        [ "$(grep -c 'tap0 is there again' "$tmp/server.err")" = 3 ]
}
check "a TAP that is removed and created again is attached again" made_again
check "SIGINT ends the server with status 0" stop INT

# An earlier user of the interface has enabled offloads.
check "tap0 with a virtual machine's offloads" "$e2e/offload.exe" tap0
serve "$bin/tcps.exe" -q 7 || finish
check "the kernel computes checksums again, and joins no frames" client bulk 1048576
check "SIGINT ends the server with status 0" stop_clean INT
finish
