#!/bin/sh
# Over PF_PACKET: the stack at one end of a veth pair, the kernel at the other, in another namespace
#
#   the stack 192.0.2.2 -- veth0 == veth1 -- 192.0.2.1 kernel
#
# The kernel leaves the checksums unfinished that a veth pair carries. Besides, it joins what it
# sends to frames as long as 64 KiB, unless it is told not to (gso_max_segs).

. test/e2e/common

# On several processors a veth pair reorders, and the stack keeps nothing out of order (step 48).
taskset -p -c 0 $$ >/dev/null 2>&1

veth_up "" "gso_max_segs 1"

client() {
    in_other timeout 120 "$e2e/client.exe" $stack 7 "$@"
}
promiscuity() {
    ip -d link show veth0 | sed -n 's/.*promiscuity \([0-9]*\).*/\1/p'
}
promiscuous() {
    [ "$(promiscuity)" = 1 ]
}

serve "$bin/tcps.exe" -q -i veth0 7 || finish
check "veth0 is promiscuous while the server runs" promiscuous
check "the other end's ping is answered" in_other "$e2e/ping.exe" $stack 3
check "clients one after another" client serial 50
check "clients at once" client many 100
measure "4 MiB come back the same, the kernel's checksums unfinished" client bulk 4194304
check "SIGINT ends it with status 0, silently" stop_clean INT
check "veth0 is as it was" sh -c "! ip link show veth0 | grep -q PROMISC"

# Joined frames, as they come when nobody has changed anything
in_other ip link set veth1 gso_max_segs 65535
serve "$bin/tcps.exe" -q -i veth0 7 || finish
measure "4 MiB come back the same, in frames joined by the kernel" client bulk 4194304
check "and clients at once" client many 20
check "the server ends with status 0, silently" stop_clean INT

serve "$bin/tcps.exe" -i veth0 7 || finish
made_again() {
    ip link del veth0
    wait_for 5 grep -q "veth0 is gone" "$tmp/server.err" || return 1
    kill $other
    veth_up
    wait_for 8 client serial 1 && grep -q "veth0 is there again" "$tmp/server.err"
}
check "an interface that is removed and made again is attached again" made_again
check "SIGINT ends the server with status 0" stop INT
finish
