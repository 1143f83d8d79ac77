#!/bin/sh
# The end of a server with unsent data
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 tcps.exe

. test/e2e/common
tap_up

bytes=30000 # read by the server, and not yet by its client

# connect_with MODE: starts a client whose echo is still at the server; its pid is $peer
connect_with() {
    : >"$tmp/client.out"
    "$e2e/client.exe" $stack 7 "$1" $bytes >"$tmp/client.out" 2>&1 &
    peer=$!
    clients="$clients $peer"
    wait_for 10 grep -q connected "$tmp/client.out"
}

# seconds COMMAND...: runs it, and sets $took to its seconds
seconds() {
    began=$(date +%s)
    "$@" || return 1
    took=$(($(date +%s) - began))
    echo "it took $took s"
}

slow_reader() {
    connect_with late && stop INT && wait "$peer"
}
serve "$bin/tcps.exe" -q 7 || finish
check "SIGINT: the server's data still arrives, then end of file" slow_reader

deaf_reader() {
    connect_with deaf && seconds stop INT && [ "$took" -ge 4 ] && wait "$peer"
}
serve "$bin/tcps.exe" -q 7 || finish
check "a peer that does not read gets a RST after some seconds" deaf_reader

impatient() {
    connect_with deaf || return 1
    kill -INT "$server"
    sleep 0.5
    ! ended "$server" && seconds stop INT && [ "$took" -le 2 ] && wait "$peer"
}
serve "$bin/tcps.exe" -q 7 || finish
check "a second SIGINT at once resets a peer that does not read" impatient

impatient_at_once() {
    connect_with deaf || return 1
    kill -INT "$server"
    kill -TERM "$server"
    seconds wait_for 15 ended "$server" && [ "$took" -le 2 ] && wait "$peer" && wait "$server"
}
serve "$bin/tcps.exe" -q 7 || finish
check "a SIGTERM behind the SIGINT at once resets a peer that does not read" impatient_at_once
finish
