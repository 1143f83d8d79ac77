#!/bin/sh
# tap-session.sh STEP DIRECTORY [-v]: the demonstration in the namespace of netns.exe, with what a
# reader would type on the host. DIRECTORY has nc.exe, and ping.exe if ping is missing.

step=$1 programs=$2 verbose=${3-} stack=192.0.2.2

# What is typed at which step, and for how many seconds the program runs on.
host() {
    case $step in
        11 | 12) sleep 2 ;; # 12 cannot send to the host alone
        1[3-6]) typed ping -c 3 -W 1 $stack ;;
        17 | 18 | 19) lines | typed nc -u $stack 7 ;;
        2[0-4]) lines | typed nc $stack 7 ;;
        25 | 27) { sleep 3; lines; } | typed nc -l 10007 ;;
        26) lines | typed nc -N $stack 7 ;;
        28) sleep 3 ;;
        29) lines | typed nc -N $stack 7 & lines | typed nc -N $stack 7; wait $! ;;
        30) lines | typed nc -N $stack 7; lines | typed nc -u $stack 7 ;;
    esac
}

# Two lines, typed slowly.
lines() {
    for line in hello again; do
        sleep 0.5
        echo $line
    done
}

# typed COMMAND...: the command on the host; its lines are marked.
typed() {
    echo "host\$ $*"
    case $1 in
        nc) shift; "$programs/nc.exe" "$@" ;;
        ping) if command -v ping >/dev/null; then "$@"; else "$programs/ping.exe" $stack 3 56 1; fi ;;
    esac 2>&1 | while IFS= read -r line || [ -n "$line" ]; do
        [ -z "$line" ] || echo "host: $line"
    done
}

# Without -v, the log has no header fields, no start, and of the layers below the step's only drops.
log() {
    running='' lower=''
    while IFS= read -r line; do
        case $verbose$line in
            -v* | *'[E]'* | *dropped*) echo "$line" ;;
            *'net_run: running'*)
                running=1
                [ "$step" -ge 17 ] || lower=1
                ;;
            ' '* | *'] net_'*) ;;
            *'] ether_'* | *'] arp_'* | *'] ip_'*) [ -z "$lower" ] || echo "$line" ;;
            *) [ -z "$running" ] || echo "$line" ;;
        esac
    done
}

# The program ends at SIGINT, and is killed when it does not.
end() {
    kill -INT "$program"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$program" 2>/dev/null || return 0
        sleep 0.25
    done
    kill -KILL "$program"
    echo "The program did not end at Ctrl-C."
}

trap 'kill -KILL "$program"; exit 130' INT TERM
sed -n '/^ \*\//q; s/^ \* \{0,1\}//p' test/test.c | grep -v '^Ctrl-C ends' | fold -s -w 79
echo
rm -f "$programs/fifo"
mkfifo "$programs/fifo"
log <"$programs/fifo" &
(trap - INT; exec ./test/test.exe >"$programs/fifo" 2>&1) &
program=$!
sleep 1
host
end 2>/dev/null
wait
