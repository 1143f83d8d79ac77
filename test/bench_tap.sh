#!/bin/sh
# make bench-tap: how long transfers between the stack and Linux's TCP (Reno) take on a TAP device,
# in real time, as a table. It measures, and fails only if a transfer does. The variables:
#
#     RUNS=5        runs of each row, of which the median is printed, then the least and the greatest
#     TREE=dir      measures the stack of another tree, which is built there if need be
#     AGAINST=dir   the round trip is measured in turns with this tree's, and the ratios are printed
#     ROWS="received sent downloads echo"
#
# Frames are lost in a bridge: a drop in the device with the address is reported to Linux's TCP at
# once, and loses nothing.
#
#   received, sent     kernel 192.0.2.1 -- br0 -- (dropped) -- tap0 -- 192.0.2.2 transfers.exe
#   downloads, echo    kernel 192.0.2.1 -- tap0 -- 192.0.2.2 transfers.exe

runs=${RUNS:-5} rows=${ROWS:-received sent downloads echo}

# usage REASON
usage() {
    finished=1
    echo "make bench-tap: $1" >&2
    exit 2
}
case $runs in
*[!0-9]* | 0*) usage "RUNS=$runs: a number, such as 5" ;;
esac
for row in $rows; do
    case $row in
    received | sent | downloads | echo) ;;
    *) usage "ROWS=$row: received, sent, downloads or echo" ;;
    esac
done

. test/e2e/common

bytes=8388608 percent=1
server_program=$PWD/$e2e/transfers.exe
clients_program=$e2e/timed.exe

# program DIR: transfers.c with the stack of another tree; prints its name
program() {
    [ -f "$1/app/setup.c" ] || { echo "there is no $1/app/setup.c" >"$tmp/make"; return 1; }
    built=$tmp/transfers$(echo "$1" | tr / _)
    (unset MAKEFLAGS && make -s -C "$1" libmicrops.a) >"$tmp/make" 2>&1 &&
        ${CC:-cc} -O2 -g -pthread -I"$1" -I"$1/platform/linux" -o "$built" test/e2e/transfers.c \
            "$1/app/setup.c" "$1/libmicrops.a" 2>"$tmp/make" && echo "$built"
}
other_program=
if [ -n "${TREE-}" ]; then
    server_program=$(program "$TREE") || usage "TREE=$TREE: $(tail -n 3 "$tmp/make")"
fi
if [ -n "${AGAINST-}" ]; then
    other_program=$(program "$AGAINST") || usage "AGAINST=$AGAINST: $(tail -n 3 "$tmp/make")"
fi

# Linux would begin with what it learned about the stack in the run before.
echo 1 2>/dev/null >/proc/sys/net/ipv4/tcp_no_metrics_save

# plain: tap0 alone. bridged: tap0 in a bridge that drops a share of the frames each way.
plain() {
    ip link del br0 2>/dev/null
    ip link del tap0 2>/dev/null
    tap_up
}
bridged() {
    command -v nft >/dev/null || { skip_one "there is no nft (apt-get install nftables)"; return 1; }
    bridge_up
    ip link del tap1
    nft -f - <<RULES 2>"$tmp/nft" || { skip_one "nft: $(head -n 1 "$tmp/nft")"; return 1; }
table bridge loss {
    chain in { type filter hook input priority 0; numgen random mod 100 < $percent drop; }
    chain out { type filter hook output priority 0; numgen random mod 100 < $percent drop; }
}
RULES
}

# timed PREFIX PROGRAM MODE ARGS...: a run with a server of its own; its figures are in $figures.
# PREFIX starts both, or is empty.
timed() {
    prefix=$1
    # shellcheck disable=SC2086 # words
    serve $prefix "$2" -q 7 || finish
    shift 2
    wait_for 60 ping $stack >/dev/null
    # shellcheck disable=SC2086 # words
    figures=$($prefix timeout 600 "$clients_program" $stack 7 "$@" 2>"$tmp/err") ||
        { fail "$*" "$tmp/err"; fail "the server" "$tmp/server.err"; finish; }
    kill_server
}

# note ROW FIGURE: of one run
note() {
    echo "$2" >>"$tmp/row.$1"
}

# line TEXT FLOOR ROW: one of the table
line() {
    sort -n "$tmp/row.$3" | awk -v text="$1" -v floor="$2" '
        { all[NR] = $1 }
        END {
            printf "| %-70s | %.3f | %s-%s | %s |\n", text,
                   (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2, all[1], all[NR], floor
        }'
}

# each COMMAND...: runs it $runs times
each() {
    run=0
    while [ $((run += 1)) -le "$runs" ]; do
        "$@"
    done
}

received() {
    timed "" "$server_program" give $bytes
    note received "$figures"
}
sent() {
    timed "" "$server_program" take $bytes
    note sent "$figures"
}
downloads() {
    timed "" "$server_program" crowd 100000 64 20
    note p99 "${figures% *}"
    note max "${figures#* }"
}
echo_once() {
    timed "taskset -c $core" "$server_program" echo 32 20000
    note echo "$figures"
    [ -n "$other_program" ] || return
    here=$figures
    timed "taskset -c $core" "$other_program" echo 32 20000
    note there "$figures"
    note ratio "$(echo "$here $figures" | awk '{ printf "%.3f", $1 / $2 }')"
}

wanted() {
    case " $rows " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
    esac
}

echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg)"
printf '| %-70s | median of %s | all | floor |\n| --- | --- | --- | --- |\n' "" "$runs"
if { wanted received || wanted sent; } && bridged; then
    lost="$percent % of frames lost each way: seconds"
    ! wanted received || { each received; line "8 MiB received from Linux, $lost" 2 received; }
    ! wanted sent || { each sent; line "8 MiB sent to Linux, $lost" 4 sent; }
fi
plain
if wanted downloads; then
    each downloads
    line "64 downloads of 100 kB at once to Linux, 20 rounds: p99, seconds" 0.45 p99
    line "the same: the slowest of the 1,280, seconds" "" max
fi
if wanted echo; then
    core=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
    each echo_once
    line "round trip of 32 bytes, all on one core: microseconds" "" echo
    [ -z "$other_program" ] || line "the same with the other tree" "" there
    [ -z "$other_program" ] || line "this one over the other, in turns" 0.9 ratio
fi
finish
