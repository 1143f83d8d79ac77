#!/bin/sh
# Streams are echoed intact while frames are lost both ways. The frames are dropped in a bridge: a
# drop in the device with the address is reported to the sender's TCP at once, and loses nothing.
#
#   kernel 192.0.2.1 -- br0 -- (dropped) -- tap0 -- 192.0.2.2 tcps.exe or tcpc.exe
#                         `--- (dropped) -- tap1 -- 192.0.2.3 tcpc.exe
#
# KIB1 and KIB5 are the KiB sent with 1 % and with 5 % lost.

. test/e2e/common

kib1=${KIB1-256} kib5=${KIB5-64} limit=600

command -v nft >/dev/null || skip "there is no nft (apt-get install nftables)"
bridge_up
# Without timestamps (step 54) an ACK of what was sent again measures no round trip. So after
# several losses the kernel's RTO stays backed off (Karn), up to 2 minutes, which only costs time.
# Newer kernels have a limit.
echo 1000 2>/dev/null >/proc/sys/net/ipv4/tcp_rto_max_ms
# With that limit the kernel would soon drop connections that a process has closed, by default.
echo 15 >/proc/sys/net/ipv4/tcp_orphan_retries

# lose PERCENT: of IP's frames to the kernel, from the kernel, and between the TAPs. ARP is spared:
# where it gets no answer to three requests, connect fails, as it should.
lose() {
    rule="ether type ip numgen random mod 100 < $1 counter drop"
    nft delete table bridge loss 2>/dev/null
    nft -f - <<RULES
table bridge loss {
    chain in { type filter hook input priority 0; $rule; }
    chain out { type filter hook output priority 0; $rule; }
    chain across { type filter hook forward priority 0; $rule; }
}
RULES
}

lost() {
    nft list chain bridge loss "$1" | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'
}
some_lost() {
    echo "$(lost in), $(lost out) and $(lost across)"
    [ $(($(lost in) + $(lost out) + $(lost across))) -gt 0 ]
}

seconds() {
    cut -d' ' -f1 /proc/uptime
}

# echoed KIB ARGS...: our client with an echo server
echoed() {
    echoed_kib=$1
    shift
    head -c $((echoed_kib * 1024)) /dev/urandom >"$tmp/in"
    begin=$(seconds)
    tcpc_echoes "$tmp/in" "$@" &&
        echo "$begin $(seconds)" | awk '{ printf "%.1f s\n", $2 - $1 }'
}

kernel_to_stack() {
    timeout 600 "$e2e/client.exe" $stack 7 bulk $(($1 * 1024))
}

# A peer whose ACKs are lost seems silent: the warning at R1 is expected.
stop_after_loss() {
    stop INT || return 1
    [ "$sanitizer" = wrap ] || ! grep -v 'no answer to [0-9]* retransmissions' "$tmp/server.err"
}

# streams PERCENT KIB
streams() {
    with="with $1 % lost both ways"
    lose "$1" 2>"$tmp/nft" || skip "nft: $(head -n 1 "$tmp/nft")"
    serve "$bin/tcps.exe" -q 7 || finish
    wait_for 60 ping $stack >/dev/null
    measure "$2 KiB from the kernel and back $with" kernel_to_stack "$2"
    measure "$2 KiB from one stack to another and back $with" \
        echoed "$2" -i tap1 -m 00:00:5e:00:53:02 -a 192.0.2.3/24 $stack 7
    check "the server ends with status 0, silently" stop_after_loss
    serve "$e2e/server.exe" $host 10007 echo || finish
    measure "$2 KiB to the kernel and back $with" echoed "$2" $host 10007
    kill_server
    measure "frames dropped to the kernel, from it, and between our stacks" some_lost
}
streams 1 "$kib1"
streams 5 "$kib5"
finish
