#!/bin/sh
# Users' mistakes and missing resources: the exit status, and the last line on stderr

. test/e2e/common

# mistake TEXT STATUS WORDS COMMAND...: the last line has the program's name and the words
mistake() {
    text=$1 expected=$2 words=$3
    shift 3
    timeout 20 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    status=$?
    last=$(tail -n 1 "$tmp/err")
    if [ $status != "$expected" ]; then
        fail "$text: status $expected, got $status" "$tmp/err"
    elif ! echo "$last" | grep -Eq "^(tcp|udp|http)[cs]\.exe: .*$words"; then
        fail "$text: '$words' in '$last'"
    else
        ok "$text: status $status, $last"
    fi
}

# To run a command without any privilege
nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"

helps() {
    for program in tcps tcpc udps udpc httpc; do
        "$bin/$program.exe" -h >"$tmp/help" 2>"$tmp/err" || return 1
        [ ! -s "$tmp/err" ] && grep -q 'for example' "$tmp/help" || return 1
    done
}
check "-h explains the options with an example, on stdout" helps
help_of_wait() {
    "$bin/udpc.exe" -h | grep 'while (-t)'
}
check "udpc.exe -h names the option of its wait, -t" help_of_wait

# The command line
mistake "no port" 2 "port is missing" "$bin/tcps.exe"
mistake "no address" 2 "missing" "$bin/tcpc.exe" 7
mistake "port 0" 2 "1 to 65535" "$bin/tcps.exe" 0
mistake "port 70000" 2 "1 to 65535" "$bin/tcps.exe" 70000
mistake "port with letters" 2 "1 to 65535" "$bin/udps.exe" 7x
mistake "port of a client" 2 "1 to 65535" "$bin/tcpc.exe" $host 0
mistake "an argument too many" 2 "too many" "$bin/tcps.exe" $stack 7 8
mistake "a bad address" 2 "is not an address" "$bin/tcps.exe" 192.0.2.256 7
mistake "a client to 0.0.0.0" 2 "one host" "$bin/udpc.exe" 0.0.0.0 7
mistake "a client to a group" 2 "one host" "$bin/tcpc.exe" 224.0.0.1 7
mistake "an unknown option" 2 "no option -x" "$bin/tcps.exe" -x 7
mistake "an option without its value" 2 "needs a value" "$bin/tcps.exe" 7 -a
mistake "-a without a prefix" 2 "prefix" "$bin/tcps.exe" -a $stack 7
mistake "-a with prefix 33" 2 "prefix" "$bin/tcps.exe" -a $stack/33 7
mistake "-a of a broadcast address" 2 "one host" "$bin/tcps.exe" -a 192.0.2.255/24 7
mistake "-m of zeros" 2 "one station" "$bin/tcps.exe" -m 00:00:00:00:00:00 7
mistake "-m with a malformed address" 2 "one station" "$bin/tcps.exe" -m 00:00:5e:00:53 7
mistake "-g outside the network" 2 "neighbour" "$bin/tcps.exe" -g 198.51.100.1 7
mistake "-g with a malformed address" 2 "not an address" "$bin/tcps.exe" -g host 7
mistake "-t 0" 2 "seconds" "$bin/tcpc.exe" -t 0 $host 7
mistake "no URL" 2 "URL is needed" "$bin/httpc.exe"
mistake "an address and a port in place of a URL" 2 "URL is needed" "$bin/httpc.exe" $host 80
mistake "a URL of https" 2 "does not begin with http" "$bin/httpc.exe" https://$host/
mistake "a URL with a name" 2 "is not an address" "$bin/httpc.exe" http://www.example.com/
mistake "a URL to port 0" 2 "1 to 65535" "$bin/httpc.exe" http://$host:0/
mistake "a URL with a blank" 2 "%20" "$bin/httpc.exe" "http://$host/a b"
mistake "-o of another program" 2 "no option -o" "$bin/tcpc.exe" -o file $host 7
mistake "-w without a device" 2 "no device" "$bin/tcps.exe" -i none -w "$tmp/x.pcap" 7
mistake "an address that is not ours" 2 "of this stack" "$bin/tcps.exe" -i none $stack 7

# The machine
mistake "a missing TAP" 1 "make tap" "$bin/tcps.exe" 7
mistake "a missing interface" 1 "no interface" "$bin/tcps.exe" -i eth99 7
if unshare -m true 2>/dev/null; then
    mistake "no /dev/net/tun" 1 "modprobe tun" \
        unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$0" 7' "$bin/tcps.exe"
fi
mistake "an interface without Ethernet" 1 "not an Ethernet" "$bin/tcps.exe" -i lo 7
ip tuntap add dev tun7 mode tun
mistake "a TUN interface" 1 "is a TUN" "$bin/tcps.exe" -i tun7 7
ip tuntap add dev tap0 mode tap
mistake "a TAP that is down" 1 "ip link set tap0 up" "$bin/tcps.exe" 7
ip link del tap0
tap_up
serve "$bin/tcps.exe" -q 7 || finish
mistake "-w FILE in a missing directory" 1 "No such file" "$bin/udps.exe" -w "$tmp/no/x.pcap" 7
mistake "a TAP in use" 1 "in use" "$bin/udps.exe" 7
check "the program that uses the TAP is not disturbed" client serial 1
check "the program that uses the TAP ends with status 0" stop_clean INT

if $nobody true 2>/dev/null; then
    cp "$bin/tcps.exe" "$tmp/" && chmod 755 "$tmp" "$tmp/tcps.exe"
    mistake "no permission for /dev/net/tun" 1 "as root" unshare -m \
        sh -c "mount -t tmpfs none /dev/net && mknod -m 600 /dev/net/tun c 10 200 &&
               exec $nobody '$tmp/tcps.exe' 7"
    ip link add veth0 type veth peer name veth1
    ip link set veth0 up
    mistake "no permission for a packet socket" 1 "as root" $nobody "$tmp/tcps.exe" -i veth0 7
    ip tuntap add dev tap7 mode tap user 12345
    ip link set tap7 up
    mistake "a TAP of another user" 1 "another user" unshare -m \
        sh -c "mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
               exec $nobody '$tmp/tcps.exe' -i tap7 7"
else
    skip_one "setpriv cannot run a program as another user here"
fi

# The peer
mistake "a closed port" 1 "refused" "$bin/tcpc.exe" $host 9
mistake "no such host" 1 "No route to host" "$bin/tcpc.exe" 192.0.2.77 9
mistake "no host answers within -t" 1 "no answer" "$bin/tcpc.exe" -t 2 192.0.2.77 9
serve "$e2e/server.exe" $host 10007 reset || finish
mistake "the peer resets" 1 "broke" sh -c "exec '$bin/tcpc.exe' $host 10007 <>'$tmp/endless'"
kill_server
mistake "no answer to a datagram" 1 "got no answer" \
    sh -c "echo hello | exec '$bin/udpc.exe' -t 2 $host 9"
mistake "a line too long for a datagram" 1 "too long" \
    sh -c "head -c 70000 /dev/zero | tr '\\0' x | exec '$bin/udpc.exe' $host 9"
finish
