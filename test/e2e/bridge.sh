#!/bin/sh
# A bridge: two stacks of ours talk to each other, and then one frame in a hundred is dropped
# between the kernel and the first. The drop is in the bridge: where the device that bears the
# address drops, the sender's TCP is told at once, and nothing is lost.
#
#   kernel 192.0.2.1 -- br0 -- (1 % dropped) -- tap0 -- 192.0.2.2 tcps.exe
#                          `--------------------- tap1 -- 192.0.2.3 tcpc.exe

. test/e2e/common

kib=1024
[ -z "$sanitizer" ] || kib=512

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

serve "$bin/tcps.exe" -qq 7 || finish
ours_to_ours() {
    head -c 1048576 /dev/urandom >"$tmp/in"
    timeout 60 "$bin/tcpc.exe" -qq -i tap1 -m 00:00:5e:00:53:02 -a 192.0.2.3/24 $stack 7 \
        <"$tmp/in" >"$tmp/back"
    cmp "$tmp/in" "$tmp/back"
}
check "1 MiB from one stack to another and back" ours_to_ours
check "the server ends with status 0, silently" stop_clean INT

command -v nft >/dev/null || skip "there is no nft (apt-get install nftables)"
nft -f - 2>"$tmp/nft" <<'RULES' || skip "nft: $(head -n 1 "$tmp/nft")"
table bridge loss {
    chain in { type filter hook input priority 0; numgen random mod 100 < 1 counter drop; }
    chain out { type filter hook output priority 0; numgen random mod 100 < 1 counter drop; }
}
RULES

serve "$bin/tcps.exe" -qq 7 || finish
wait_for 20 ping $stack >/dev/null
# Where a segment is lost, all that follow it are dropped by the stack (until step 48) and repeated
# by the kernel. So it sees no round trip to measure, and its wait stays doubled (Karn) up to 2
# minutes: that only costs time. Newer kernels have a limit.
echo 1000 2>/dev/null >/proc/sys/net/ipv4/tcp_rto_max_ms
slow_bulk() {
    timeout 300 "$e2e/client.exe" $stack 7 bulk $((kib * 1024))
}
measure "$kib KiB come back the same with 1 % lost both ways" slow_bulk
lost() {
    nft list chain bridge loss "$1" | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'
}
both_lost() {
    echo "$(lost in) and $(lost out)"
    [ "$(lost in)" -gt 0 ] && [ "$(lost out)" -gt 0 ]
}
measure "frames dropped from and to the stack" both_lost
check "and the server ends with status 0, nothing left" stop_clean INT
finish
