#!/bin/sh
# tap.sh tap      creates the TAP interface that the stack attaches to
# tap.sh untap    removes it
# The variables TAP and ADDR replace the name tap0 and the address 192.0.2.1/24.

TAP=${TAP:-tap0}
ADDR=${ADDR:-192.0.2.1/24}

fail() {
    echo "tap.sh: $1" >&2
    exit 1
}

# as_root COMMAND...: runs it as root
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

check_tools() {
    PATH=$PATH:/usr/sbin:/sbin
    command -v ip >/dev/null ||
        fail "the command ip is missing. Install iproute2 (Debian, Ubuntu: apt install iproute2)."
    [ -c /dev/net/tun ] ||
        fail "/dev/net/tun is missing. Try modprobe tun; a container needs --device /dev/net/tun."
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        fail "interfaces need root, and there is no sudo. Call this as root."
}

exists() {
    ip link show dev "$TAP" >/dev/null 2>&1
}

is_tap() {
    ip -d link show dev "$TAP" 2>/dev/null | grep -q 'tun type tap'
}

# Disables IPv6: the host would send on the new interface by itself. In a container that may be
# forbidden, since /proc/sys is read-only; the stack drops such frames.
no_ipv6() {
    conf=/proc/sys/net/ipv6/conf/$TAP/disable_ipv6
    [ ! -e "$conf" ] || echo 1 | as_root tee "$conf" >/dev/null 2>&1 || :
}

set_up() {
    no_ipv6
    as_root ip addr add "$ADDR" dev "$TAP" && as_root ip link set dev "$TAP" up
}

tap() {
    owner=${SUDO_UID:-$(id -u)}
    if exists; then
        is_tap || fail "$TAP exists and is not a TAP. Choose another name: TAP=tap1 make tap"
        echo "$TAP exists already, and stays as it is:"
        ip -brief addr show dev "$TAP"
        return
    fi
    as_root ip tuntap add dev "$TAP" mode tap user "$owner" ||
        fail "$TAP cannot be created. A container needs --cap-add NET_ADMIN."
    if ! set_up; then
        as_root ip link delete dev "$TAP"
        fail "$TAP cannot be given the address $ADDR, and was removed again."
    fi
    echo "$TAP is ready: the host has $ADDR on it, its owner is uid $owner."
    [ -w /dev/net/tun ] ||
        echo "Only root may open /dev/net/tun here: sudo chmod 666 /dev/net/tun, or run the stack as root."
}

untap() {
    if ! exists; then
        echo "$TAP does not exist: nothing to remove."
        return
    fi
    is_tap || fail "$TAP is not a TAP, so it stays."
    as_root ip tuntap del dev "$TAP" mode tap || fail "$TAP cannot be removed."
    echo "$TAP is removed."
}

case $1 in
tap | untap)
    check_tools
    "$1"
    ;;
*)
    echo "usage: $0 tap|untap" >&2
    exit 2
    ;;
esac
