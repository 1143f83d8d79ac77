#!/bin/sh
# Over PF_PACKET: the stack at one end of a veth pair, the kernel at the other, in another namespace
#
#   the stack 192.0.2.2 -- veth0 == veth1 -- 192.0.2.1 kernel
#
# The kernel does not compute the checksums of frames on a veth pair, and joins its segments into
# frames of up to 64 KiB, unless gso_max_segs forbids it.

. test/e2e/common

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
check "a ping from the other end is answered" in_other "$e2e/ping.exe" $stack 3
check "clients one after another" client serial 50
check "clients at once" client many 100
measure "4 MiB are echoed, with checksums that the kernel left out" client bulk 4194304
check "SIGINT ends it with status 0, silently" stop_clean INT
check "veth0 is not promiscuous any more" sh -c "! ip link show veth0 | grep -q PROMISC"

# Joined frames, which are the kernel's default
in_other ip link set veth1 gso_max_segs 65535
serve "$bin/tcps.exe" -q -i veth0 7 || finish
measure "4 MiB are echoed, in frames joined by the kernel" client bulk 4194304
check "clients at once, in joined frames" client many 20
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
