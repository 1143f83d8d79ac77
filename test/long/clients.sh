#!/bin/sh
# 1,000 clients at a time for minutes, some of which close with a RST, and the server's resources
# during and after that. CLIENTS and DURATION give other numbers.
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 tcps.exe

. test/e2e/common
tap_up
ip link set tap0 txqueuelen 10000 # a RST lost in a full queue is not sent again
# The kernel keeps the ports of closed connections for a minute.
echo "1024 65535" >/proc/sys/net/ipv4/ip_local_port_range

clients_at_once=${CLIENTS-1000} seconds=${DURATION-180}

serve "$bin/tcps.exe" -q 7 || finish
alone=$(threads)
check "the first client is served" client serial 1

crowd() {
    timeout $(($1 + 120)) "$e2e/crowd.exe" $stack 7 "$clients_at_once" "$1"
}
alone_again() {
    [ "$(threads)" = "$alone" ]
}
# Prints the server's memory and threads every 10 seconds, and sends it a SIGQUIT.
sample() {
    while sleep 10; do
        kill -QUIT "$server"
        echo "$(resident) KiB resident, $(threads) threads"
    done
}

measure "$clients_at_once clients at a time for 20 s" crowd 20
check "their threads have ended" wait_for 60 alone_again
before=$(resident)
sample &
sampler=$!
measure "$clients_at_once clients at a time for $seconds s" crowd "$seconds"
kill $sampler
check "their threads have ended" wait_for 60 alone_again
after=$(resident)
dropped() {
    ip -s link show tap0 | awk 'last ~ /TX:/ { print $4 " frames dropped by tap0" } { last = $0 }'
}
grown_little() {
    echo "from $before to $after KiB"
    [ "$after" -le $((before + 4096)) ]
}
[ -n "$sanitizer" ] || measure "memory has not grown since the first 20 s" grown_little
measure "frames lost" dropped
check "the server ends with status 0" stop INT
finish
