#!/bin/sh
# make demo: runs the echo server in a network namespace, sends it three pings and three lines, and
# shows both sides.

stack=192.0.2.2

die() {
    echo "make demo: $1" >&2
    exit 1
}

enter() {
    command -v ip >/dev/null || die "the command ip is missing: sudo apt-get install iproute2"
    [ -c /dev/net/tun ] ||
        die "/dev/net/tun is missing: sudo modprobe tun (in a container: --device /dev/net/tun)"
    (: <>/dev/net/tun) 2>/dev/null ||
        die "no permission to open /dev/net/tun: sudo make demo, or sudo chmod 666 /dev/net/tun"
    if unshare -n true 2>/dev/null; then
        exec unshare -n sh app/demo.sh inside
    elif unshare -Urn true 2>/dev/null; then
        exec unshare -Urn sh app/demo.sh inside
    fi
    die "no permission to make a network namespace: sudo make demo"
}

[ "${1-}" = inside ] || enter

log=$(mktemp)
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -f "$log"' EXIT
trap 'exit 1' INT TERM HUP

# show TITLE PATTERN: prints the matching lines of the log since the last show
seen=0
show() {
    sleep 0.3
    printf '\n--- %s\n' "$1"
    tail -n +$((seen + 1)) "$log" | grep -E "$2"
    seen=$(wc -l <"$log")
}

ip link set lo up
sh platform/linux/tap.sh tap || die "can't make tap0"
echo "on tap0 the kernel has 192.0.2.1, and the stack has $stack"

MICROPS_LOG=debug app/tcps.exe 7 2>"$log" &
server=$!
sleep 0.5
show "the stack starts (from its log):" ' \[I\] .*(register|open|running)'

printf '\n--- ping %s (the kernel):\n' "$stack"
test/e2e/ping.exe $stack 3 || die "no answer to ping; the log: $(tail -n 3 "$log")"
show "the same in the stack (from its log):" ' \[.\] (arp|icmp)_'

printf '\n--- three lines to port 7 (> sent by the kernel, < received):\n'
printf 'hello, world\nthis goes through our TCP\ngoodbye\n' |
    timeout 10 test/e2e/client.exe $stack 7 lines ||
    die "the lines did not come back; the log: $(tail -n 3 "$log")"
show "the same connection in the stack (from its log):" ' \[.\] (tcp_|serve)'

kill -INT "$server"
wait "$server" || die "the server ended with status $?"
server=
show "SIGINT ends it:" ' \[[IWE]\] '
