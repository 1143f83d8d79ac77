#!/bin/sh
# A bridge: two of our stacks talk to each other
#
#   kernel 192.0.2.1 -- br0 -- tap0 -- 192.0.2.2 tcps.exe
#                         `--- tap1 -- 192.0.2.3 tcpc.exe

. test/e2e/common

ip link set lo up
ip tuntap add dev tap0 mode tap
ip link add br0 type bridge 2>/dev/null || skip "this kernel has no bridge"
ip link set tap0 master br0
echo 1 2>/dev/null >/proc/sys/net/ipv6/conf/br0/disable_ipv6
ip addr add $host/24 dev br0
ip link set tap0 up
ip link set br0 up
ip tuntap add dev tap1 mode tap
ip link set tap1 master br0 up

serve "$bin/tcps.exe" -q 7 || finish
ours_to_ours() {
    head -c 1048576 /dev/urandom >"$tmp/in"
    timeout 60 "$bin/tcpc.exe" -q -i tap1 -m 00:00:5e:00:53:02 -a 192.0.2.3/24 $stack 7 \
        <"$tmp/in" >"$tmp/back"
    cmp "$tmp/in" "$tmp/back"
}
check "1 MiB from one stack to another and back" ours_to_ours
check "the server ends with status 0, silently" stop_clean INT
finish
