#!/bin/sh
# make demo: in a network namespace of its own the echo server, a ping and a few lines to it, as
# both sides see them.

stack=192.0.2.2

die() {
    echo "make demo: $1" >&2
    exit 1
}

enter() {
    command -v ip >/dev/null || die "there is no ip: sudo apt-get install iproute2"
    [ -c /dev/net/tun ] ||
        die "there is no /dev/net/tun: sudo modprobe tun (in a container: --device /dev/net/tun)"
    (: <>/dev/net/tun) 2>/dev/null ||
        die "/dev/net/tun is forbidden: sudo make demo, or sudo chmod 666 /dev/net/tun"
    if unshare -n true 2>/dev/null; then
        exec unshare -n sh app/demo.sh inside
    elif unshare -Urn true 2>/dev/null; then
        exec unshare -Urn sh app/demo.sh inside
    fi
    die "network namespaces are not allowed here: sudo make demo"
}

[ "${1-}" = inside ] || enter

log=$(mktemp)
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -f "$log"' EXIT
trap 'exit 1' INT TERM HUP

# show TITLE PATTERN: those lines that the stack has logged since the last time
seen=0
show() {
    sleep 0.3
    printf '\n--- %s\n' "$1"
    tail -n +$((seen + 1)) "$log" | grep -E "$2"
    seen=$(wc -l <"$log")
}

ip link set lo up
sh platform/linux/tap.sh tap || die "tap0 could not be made"
echo "the kernel has 192.0.2.1 on tap0, the stack has $stack at its other end"

MICROPS_LOG=debug app/tcps.exe 7 2>"$log" &
server=$!
sleep 0.5
show "the stack starts (from its log):" ' \[I\] .*(register|open|running)'

printf '\n--- ping %s (the kernel):\n' "$stack"
test/e2e/ping.exe $stack 3 || die "no answer to ping; the log: $(tail -n 3 "$log")"
show "the same in the stack (from its log):" ' \[.\] (arp|icmp)_'

printf '\n--- three lines to port 7 (> sent by the kernel, < what came back):\n'
printf 'hello, world\nthis goes through a TCP of our own\ngoodbye\n' |
    timeout 10 test/e2e/client.exe $stack 7 lines ||
    die "the lines did not come back; the log: $(tail -n 3 "$log")"
show "the same connection in the stack (from its log):" ' \[.\] (tcp_|serve)'

kill -INT "$server"
wait "$server" || die "the server ended with status $?"
server=
show "SIGINT ends it:" ' \[[IWE]\] '
