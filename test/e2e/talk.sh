#!/bin/sh
# The four programs against the kernel on a TAP
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 the stack

. test/e2e/common
tap_up

# lines_come_back: three lines of the kernel's client
lines_come_back() {
    printf 'one\ntwo\nthree\n' | client lines >"$tmp/lines" || return 1
    printf '> one\n< one\n> two\n< two\n> three\n< three\n' | diff - "$tmp/lines"
}

serve "$bin/tcps.exe" -q 7 || finish
check "the host's ping is answered" ping $stack 3
check "a ping without data is answered" ping $stack 1 0
check "a ping of a full frame is answered" ping $stack 1 1472
check "a ping of one byte more is answered, in fragments" ping $stack 1 1473
check "a ping of 65507 bytes is answered" ping $stack 3 65507
check "tcps.exe: lines come back" lines_come_back
check "tcps.exe: lines of the next client come back" lines_come_back
check "tcps.exe: SIGINT ends it with status 0, silently" stop_clean INT

echo_survives_interruptions() {
    client bulk 2000000 >"$tmp/bulk" 2>&1 &
    bulk=$!
    while kill -0 $bulk 2>/dev/null; do
        kill -USR2 "$server"
        sleep 0.002
    done
    cat "$tmp/bulk"
    wait $bulk
}
serve "$bin/tcps.exe" -q 7 || finish
check "tcps.exe: a flood of SIGUSR2 loses no echo" echo_survives_interruptions
check "tcps.exe: SIGINT after the flood ends it with status 0, silently" stop_clean INT

serve "$bin/tcps.exe" -q $stack 7 || finish
check "tcps.exe addr port: lines come back" lines_come_back
connect hold
check "tcps.exe: SIGTERM ends it with status 0, with a client connected" stop_clean TERM

serve "$bin/tcps.exe" -q -i none 127.0.0.1 7 || finish
check "tcps.exe -i none: starts without a device and ends" stop_clean INT

logs_as_told() {
    serve "$bin/tcps.exe" 7
    lines_come_back && stop INT || return 1
    microps='^[0-9:]{8}\.[0-9]{3} \[I\] [a-z_]+: .*\([a-z_/]+\.c:[0-9]+\)$'
    grep -Eq "$microps" "$tmp/server.err" || return 1
    lines=$(wc -l <"$tmp/server.err")
    serve "$bin/tcps.exe" -v 7
    lines_come_back && stop INT || return 1
    [ "$(wc -l <"$tmp/server.err")" -gt "$lines" ]
}
check "the log has microps' form by default, and is longer with -v" logs_as_told

# Single packets are not logged by default.
quiet_by_default() {
    serve "$bin/tcps.exe" 7
    ping $stack 1 || return 1
    lines=$(wc -l <"$tmp/server.err")
    ping $stack 5 && lines_come_back || return 1
    tail -n +$((lines + 1)) "$tmp/server.err"
    [ "$(wc -l <"$tmp/server.err")" -le $((lines + 1)) ] && stop INT
}
check "by default the log has one line for a connection, and none for a ping" quiet_by_default

empty_is_unset() {
    export MICROPS_LOG=
    serve "$bin/tcps.exe" 7
    unset MICROPS_LOG
    lines_come_back && stop INT || return 1
    ! grep -E 'MICROPS_LOG|\[D\]' "$tmp/server.err" && grep -q '\[I\]' "$tmp/server.err"
}
check "an empty MICROPS_LOG counts as unset" empty_is_unset

# nobody_reads COMMAND...: starts a server whose stderr is a full pipe that is never read
nobody_reads() {
    mkfifo -m 600 "$tmp/unread"
    exec 9<>"$tmp/unread"
    dd if=/dev/zero of="$tmp/unread" bs=4096 oflag=nonblock 2>/dev/null
    : >"$tmp/server.out"
    "$@" >"$tmp/server.out" 2>&9 </dev/null &
    server=$!
    exec 9>&-
    wait_for 10 grep -q listening "$tmp/server.out"
}
unread_log() {
    nobody_reads "$bin/tcps.exe" -vv 7 && ping $stack 20 && client many 50 && stop INT
}
unread_log_of_other() {
    rm "$tmp/unread"
    cp "$bin/tcps.exe" "$tmp/" && chmod 755 "$tmp" "$tmp/tcps.exe"
    nobody_reads setpriv --reuid 65534 --clear-groups "$tmp/tcps.exe" -vv -i none 7 && stop INT
}
check "a log on a full pipe does not stop the server" unread_log
if setpriv --reuid 65534 --clear-groups true 2>/dev/null && [ "$sanitizer" != wrap ]; then
    check "a log on another user's full pipe does not stop the server" unread_log_of_other
fi

# captured FILE: walks a little-endian capture from packet to packet. The last line counts the
# packets of ARP, ICMP and TCP.
captured() {
    od -An -v -tu1 -w1 "$1" | awk '
        { byte[NR - 1] = $1 + 0 }
        function number(at) {
            return byte[at] + 256 * (byte[at + 1] + 256 * (byte[at + 2] + 256 * byte[at + 3]))
        }
        END {
            if (number(0) != 2712847316 || number(20) != 1)
                exit 1
            for (at = 24; at < NR; at += 16 + number(at + 8)) {
                arp += byte[at + 28] == 8 && byte[at + 29] == 6
                icmp += byte[at + 29] == 0 && byte[at + 39] == 1
                tcp += byte[at + 29] == 0 && byte[at + 39] == 6
            }
            print "ARP " arp ", ICMP " icmp ", TCP " tcp
            exit at != NR || arp < 2 || icmp != 6 || tcp < 12
        }'
}

capture_is_whole() {
    serve "$bin/tcps.exe" -q -w "$tmp/pcap" 7
    ping $stack 3 && lines_come_back && stop_clean INT && captured "$tmp/pcap"
}
ip neigh flush dev tap0
measure "-w writes a capture of all frames, whole after SIGINT" capture_is_whole

capture_survives() {
    serve "$bin/tcps.exe" -q -w "$tmp/pcap" 7
    ping $stack 3 && lines_come_back || return 1
    kill -9 "$server"
    wait "$server"
    server=
    captured "$tmp/pcap"
}
ip neigh flush dev tap0
check "-w writes a capture of all frames, whole after SIGKILL" capture_survives

variable_is_heard() {
    export MICROPS_LOG=error
    serve "$bin/tcps.exe" 7
    unset MICROPS_LOG
    lines_come_back && stop_clean INT
}
check "MICROPS_LOG=error silences the log" variable_is_heard

# Our clients, and servers on the kernel
serve "$e2e/server.exe" $host 10007 echo || finish
seq 1 20000 >"$tmp/in"
head -c 1000000 /dev/urandom >"$tmp/megabyte"
check "tcpc.exe: gets its echo, and ends at the end of input" \
    tcpc_echoes "$tmp/in" $host 10007
check "tcpc.exe: an empty input ends at once" tcpc_echoes /dev/null $host 10007
kill_server

peer_closes() {
    timeout 20 "$bin/tcpc.exe" -q $host 10007 <>"$tmp/endless" >"$tmp/back" &&
        [ "$(cat "$tmp/back")" = bye ]
}
serve "$e2e/server.exe" $host 10007 bye || finish
check "tcpc.exe: ends with status 0 once the peer closes" peer_closes
kill_server

hears_all() {
    timeout 30 "$bin/tcpc.exe" -q $host 10007 <"$1" >"$tmp/back" || return 1
    cat "$tmp/back" "$tmp/server.out"
    [ "$(cat "$tmp/back")" = bye ] &&
        wait_for 5 grep -q "^received $(wc -c <"$1") bytes" "$tmp/server.out"
}
serve "$e2e/server.exe" $host 10007 hear || finish
check "tcpc.exe: a server that has half-closed still gets all input" hears_all "$tmp/megabyte"
kill_server

interrupted() {
    "$bin/tcpc.exe" -q $host 10007 <>"$tmp/endless" >"$tmp/back" 2>"$tmp/err" &
    sleep 1
    kill -INT $!
    wait $!
    status=$?
    cat "$tmp/err"
    [ $status = 0 ] && [ ! -s "$tmp/err" ]
}
serve "$e2e/server.exe" $host 10007 echo || finish
check "tcpc.exe: SIGINT ends it with status 0" interrupted
kill_server

serve "$bin/udps.exe" -q 7 || finish
check "udps.exe: datagrams of 0 to 1472 bytes come back" client udp 1472
check "udps.exe: datagrams of up to 65507 bytes come back, in fragments" client udp 65507
check "udps.exe: SIGINT ends it with status 0, silently" stop_clean INT

serve "$e2e/server.exe" $host 10007 udp || finish
# The first datagram is repeated each second until an answer comes, so its echo may come repeatedly.
udpc_echoes() {
    timeout 30 "$bin/udpc.exe" -q $host 10007 <"$tmp/udp" >"$tmp/back" &&
        uniq "$tmp/back" | diff "$tmp/udp" -
}
printf 'one\ntwo\n\nfour\n' >"$tmp/udp"
check "udpc.exe: each line comes back" udpc_echoes
for size in 1472 1473 65507; do
    head -c $size /dev/zero | tr '\0' x
    echo
done >"$tmp/udp"
check "udpc.exe: lines of up to 65507 bytes come back" udpc_echoes
kill_server

serve "$e2e/server.exe" $host 10007 late || finish
printf 'one\ntwo\n\nfour\n' >"$tmp/udp"
check "udpc.exe: two answers to a repeated line do not stand for another line's" udpc_echoes
kill_server
finish
