#!/bin/sh
# make run: brings tap0 up as 192.0.2.1/24 and runs the echo server on it until Ctrl-C. What it
# makes goes away again, what was there stays. Without root and sudo it works in a user and network
# namespace of its own.

stack=192.0.2.2
made=
server=
out=   # what the server prints: that it listens
ended= # a signal came when there may have been no server yet

die() {
    echo "make run: $1" >&2
    exit 1
}

clean_up() {
    trap '' INT TERM HUP QUIT
    rm -f "$out"
    [ -z "$made" ] || sh platform/linux/tap.sh untap
}

# The server is in a session of its own, so that Ctrl-C is one signal to it and not two. At first it
# is a copy of this shell, and what it is sent then is lost.
end() {
    ended=yes
    [ -n "$server" ] || return
    while [ "$(cat "/proc/$server/comm" 2>/dev/null)" = sh ]; do
        sleep 0.01
    done
    kill -TERM "$server" 2>/dev/null
}

# Of two that start at once in the same network namespace, one has tap0 from here to its end.
lock() {
    exec 9</proc/self/ns/net
    flock -n 9 || die "another make run is at work here: end that one first"
}

may_open_tun() {
    (: <>/dev/net/tun) 2>/dev/null
}

# Is tap0 there as we need it?
ready() {
    ip -4 addr show dev tap0 up 2>/dev/null | grep -q 'inet 192\.0\.2\.1/24'
}

# privileged: is there a way to make a device? sudo may ask for the password.
privileged() {
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
}

# The last resort, in which this script starts again.
enter_namespace() {
    [ "${1-}" != inside ] || die "tap0 can't be made here: run it as root (sudo make run)"
    may_open_tun ||
        die "neither root nor sudo, and /dev/net/tun is forbidden: chmod 666 /dev/net/tun as root"
    unshare -Urn true 2>/dev/null ||
        die "neither root nor sudo, and user namespaces are forbidden: make run as root"
    exec unshare -Urn sh app/run.sh inside
}

# whole COMMAND...: no signal ends it half-way, and what is to happen then waits until it is done
whole() {
    (trap '' INT TERM HUP QUIT && exec "$@")
}

make_tap() {
    if privileged; then
        made=yes
        whole sh platform/linux/tap.sh tap && return
        made=
    fi
    enter_namespace "$@"
}

hints() {
    echo "in another terminal:"
    [ "${1-}" != inside ] ||
        echo "    nsenter --preserve-credentials -U -n -t $$    (then, in there:)"
    echo "    ping $stack"
    echo "    nc $stack 7"
    echo "Ctrl-\\ shows what the stack is doing, Ctrl-C ends the server"
}

command -v ip >/dev/null || die "there is no ip: sudo apt-get install iproute2"
command -v flock >/dev/null || die "there is no flock: sudo apt-get install util-linux"
[ -c /dev/net/tun ] ||
    die "there is no /dev/net/tun: sudo modprobe tun (in a container: --device /dev/net/tun)"

lock
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
trap : QUIT
if ! ready; then
    ! ip link show tap0 >/dev/null 2>&1 ||
        die "tap0 is there, but not up as 192.0.2.1/24: make untap, and try again"
    make_tap "$@"
fi

hints "$@"
trap end INT TERM HUP
trap '[ -z "$server" ] || kill -QUIT "$server" 2>/dev/null' QUIT
out=$(mktemp)
setsid "${EXE-}app/tcps.exe" 7 >"$out" &
server=$!
[ -z "$ended" ] || end
until grep listening "$out" || ! kill -0 "$server" 2>/dev/null; do
    sleep 0.05
done
[ ! -s "$out" ] || hints "$@" # what the start has logged stands between
# wait returns early when a signal comes
wait "$server"
status=$?
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    status=$?
done
exit $status
