#!/bin/sh
# The stack's MTU is the interface's, at the start and after changes
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 tcps.exe
#   the stack 192.0.2.2 -- veth0 == veth1 -- 192.0.2.1 kernel in another namespace

. test/e2e/common
tap_up

# mtu_is NUMBER: in the server's own list of devices
mtu_is() {
    : >"$tmp/server.err"
    kill -QUIT "$server"
    sleep 0.2
    awk -v mtu="$1" '$2 == "ethernet" { print; last = $4 } END { exit last != mtu }' \
        "$tmp/server.err"
}
# Starts a server that appends its log, so that mtu_is can empty the file
serve_tap() {
    : >"$tmp/server.out"
    "$bin/tcps.exe" -q "$@" 7 >"$tmp/server.out" 2>>"$tmp/server.err" </dev/null &
    server=$!
    wait_for 10 grep -q listening "$tmp/server.out" || { fail "the server starts"; finish; }
}

ip link set tap0 mtu 9000
serve_tap
check "a TAP of MTU 9000 has 9000 in the stack" mtu_is 9000
check "frames of that size pass both ways" ping $stack 3 8972
check "connections work" client bulk 1048576
ip link set tap0 mtu 1400
check "a change to 1400 is noticed" wait_for 5 mtu_is 1400
check "connections work with it" client bulk 1048576
ip link set tap0 mtu 65521
check "a change to 65521 is noticed" wait_for 5 mtu_is 65521
check "frames of that size pass both ways" ping $stack 3 65493
check "the server ends with status 0" stop INT
ip link del tap0

veth_up "mtu 1400" "mtu 1400 gso_max_segs 1"

# The peer announces an MSS of 1460 bytes, as one behind a router does.
in_other ip route change 192.0.2.0/24 dev veth1 src $host advmss 1460
far_client() {
    in_other timeout 60 "$e2e/client.exe" $stack 7 bulk 100000
}
serve_tap -i veth0
check "an interface of MTU 1400 has 1400 in the stack" mtu_is 1400
check "a peer with a larger MSS gets every byte" far_client
ip link set veth0 mtu 576
check "a change to 576 is noticed" wait_for 5 mtu_is 576
check "a peer with a larger MSS still gets every byte" far_client
check "the server ends with status 0" stop INT
finish
