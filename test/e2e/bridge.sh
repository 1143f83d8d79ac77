#!/bin/sh
# A bridge: two of our stacks talk to each other, then one frame in a hundred is dropped between the
# kernel and the first. The drop is in the bridge: a drop in the device with the address is reported
# to the sender's TCP at once, and loses nothing.
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
# Behind a lost segment the stack drops all that follow (until step 48), and the kernel retransmits
# them. So it has no round trip to measure, and its RTO stays backed off (Karn) up to 2 minutes,
# which only costs time. Newer kernels have a limit.
echo 1000 2>/dev/null >/proc/sys/net/ipv4/tcp_rto_max_ms
slow_bulk() {
    timeout 300 "$e2e/client.exe" $stack 7 bulk $((kib * 1024))
}
measure "$kib KiB are echoed with 1 % lost both ways" slow_bulk
lost() {
    nft list chain bridge loss "$1" | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'
}
both_lost() {
    echo "$(lost in) and $(lost out)"
    [ "$(lost in)" -gt 0 ] && [ "$(lost out)" -gt 0 ]
}
measure "frames dropped from and to the stack" both_lost
check "the server ends with status 0, silently" stop_clean INT
finish
