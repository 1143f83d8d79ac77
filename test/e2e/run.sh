#!/bin/sh
# make run: it removes what it made at any Ctrl-C, and two runs do not disturb each other

. test/e2e/common
ip link set lo up

there() {
    ip link show tap0 >/dev/null 2>&1
}
echoes() {
    timeout 20 "$e2e/client.exe" $stack 7 serial 1
}
# run FILE: starts make run's script, its output in FILE; its pid is $run. A shell starts background
# commands with SIGINT ignored; env undoes that.
run() {
    : >"$tmp/$1"
    env --default-signal=INT,QUIT sh app/run.sh >"$tmp/$1" 2>&1 &
    run=$!
    clients="$clients $run"
}
# over PID FILE: it has ended, tap0 is gone, and kill reported no error
over() {
    wait_for 15 ended "$1" || { echo "make run has not ended"; return 1; }
    cat "$tmp/$2"
    ! grep -i 'no such process' "$tmp/$2" || return 1
    ! pgrep_server || { echo "a server still runs"; return 1; }
    ! there || { echo "tap0 still exists"; return 1; }
}
# Is there a server in this namespace?
pgrep_server() {
    for pid in $(pgrep -x tcps.exe); do
        [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] || return 0
    done
    return 1
}
env --default-signal=INT true 2>/dev/null || skip "env is too old for --default-signal"

starts_and_ends() {
    run one
    wait_for 15 echoes || return 1
    kill -INT $run
    over $run one
}
check "make run serves until SIGINT, and removes tap0" starts_and_ends

says_how_to_go_on() {
    cat "$tmp/one"
    last=$(grep -n "Ctrl-C ends the server" "$tmp/one" | tail -n 1 | cut -d: -f1)
    [ "$(grep -c "in another terminal" "$tmp/one")" = 2 ] &&
        [ "$(grep -n 'running' "$tmp/one" | cut -d: -f1)" -lt "$last" ] &&
        [ "$(grep -n '^listening' "$tmp/one" | cut -d: -f1)" -lt "$last" ]
}
check "make run explains the next commands, and again below the log of the start" says_how_to_go_on

# Ctrl-C reaches all processes of the terminal's group.
interrupted_at() {
    : >"$tmp/one"
    setsid env --default-signal=INT,QUIT sh app/run.sh >"$tmp/one" 2>&1 &
    run=$!
    wait_for 5 grep -aq '^sh.app/run.sh' /proc/$run/cmdline || return 1
    sleep "$1"
    kill -INT -$run 2>/dev/null
    over $run one
}
at_any_moment() {
    for moment in 0 0.01 0.02 0.03 0.04 0.05 0.06 0.08 0.1 0.13 0.16 0.2 0.3; do
        interrupted_at $moment || { echo "after $moment s"; return 1; }
    done
}
check "Ctrl-C at any moment leaves nothing behind" at_any_moment

two_at_once() {
    run one
    first=$run
    run two
    second=$run
    wait_for 15 echoes || { echo "no echo"; return 1; }
    wait_for 15 one_of_them_ended || { echo "both run"; return 1; }
    cat "$tmp/one" "$tmp/two"
    sleep 0.5
    echoes || { echo "no echo later"; return 1; }
    kill -INT $first $second 2>/dev/null
    wait_for 15 ended $first && wait_for 15 ended $second && over $first one && over $second two
}
one_of_them_ended() {
    ended $first || ended $second
}
several_times() {
    for round in 1 2 3; do
        two_at_once || { echo "in round $round"; return 1; }
    done
}
check "of two started at once one serves, undisturbed" several_times

# An existing tap0 is not removed.
tap_up
was_there() {
    run one
    wait_for 15 echoes || return 1
    kill -TERM $run
    wait_for 15 ended $run && there
}
check "an existing tap0 stays" was_there

is_busy() {
    serve "$bin/tcps.exe" -q 7 || return 1
    timeout 20 sh app/run.sh >"$tmp/two" 2>&1
    result=$?
    cat "$tmp/two"
    stop_clean INT && [ $result = 1 ] && tail -n 1 "$tmp/two" | grep -q 'in use'
}
check "a tap0 in use: status 1, and the last line says so" is_busy
finish
