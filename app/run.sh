#!/bin/sh
# make run: runs the echo server on tap0 (192.0.2.1/24) until Ctrl-C. Makes tap0 if it is missing,
# and then removes it at the end. If it is missing and there is no root or sudo, all of this is in
# a new user and network namespace.

stack=192.0.2.2
made=
server=
out=   # a file: the standard output of the server, which says that it listens
ended= # not empty: a signal came, perhaps before the server started

die() {
    echo "make run: $1" >&2
    exit 1
}

clean_up() {
    trap '' INT TERM HUP QUIT
    rm -f "$out"
    [ -z "$made" ] || sh platform/linux/tap.sh untap
}

# Ends the server. It has its own session: Ctrl-C does not reach it a second time. Between fork and
# exec it is a copy of this shell, which would lose the signal.
end() {
    ended=yes
    [ -n "$server" ] || return
    while [ "$(cat "/proc/$server/comm" 2>/dev/null)" = sh ]; do
        sleep 0.01
    done
    kill -TERM "$server" 2>/dev/null
}

# Lets only one make run at a time use tap0 in a network namespace.
lock() {
    exec 9</proc/self/ns/net
    flock -n 9 || die "another make run is running here: end it first"
}

may_open_tun() {
    (: <>/dev/net/tun) 2>/dev/null
}

# Is tap0 up with its address?
ready() {
    ip -4 addr show dev tap0 up 2>/dev/null | grep -q 'inet 192\.0\.2\.1/24'
}

# Can a device be made, as root or by sudo? sudo may ask for the password.
privileged() {
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
}

# Starts this script again in a new user and network namespace.
enter_namespace() {
    [ "${1-}" != inside ] || die "can't make tap0 here: run it as root (sudo make run)"
    may_open_tun ||
        die "no root, no sudo, no permission to open /dev/net/tun: chmod 666 /dev/net/tun as root"
    unshare -Urn true 2>/dev/null ||
        die "no root, no sudo, no permission to make a user namespace: make run as root"
    exec unshare -Urn sh app/run.sh inside
}

# whole COMMAND...: runs it with signals ignored; traps run after it
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
        echo "    nsenter --preserve-credentials -U -n -t $$    (then, inside:)"
    echo "    ping $stack"
    echo "    nc $stack 7"
    echo "Ctrl-\\ shows what the stack is doing, Ctrl-C ends the server"
}

command -v ip >/dev/null || die "the command ip is missing: sudo apt-get install iproute2"
command -v flock >/dev/null || die "the command flock is missing: sudo apt-get install util-linux"
[ -c /dev/net/tun ] ||
    die "/dev/net/tun is missing: sudo modprobe tun (in a container: --device /dev/net/tun)"

lock
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
trap : QUIT
if ! ready; then
    ! ip link show tap0 >/dev/null 2>&1 ||
        die "tap0 exists, but not up with 192.0.2.1/24: make untap, and try again"
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
[ ! -s "$out" ] || hints "$@" # again, below the log of the start
# a signal makes wait return early
wait "$server"
status=$?
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    status=$?
done
exit $status
