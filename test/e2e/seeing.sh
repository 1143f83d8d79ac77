#!/bin/sh
# SIGQUIT: a program prints the state of its stack, and goes on
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 tcps.exe

. test/e2e/common
tap_up

# prints PATTERN: the server's stderr gets a line that matches
prints() {
    wait_for 5 grep -E "$1" "$tmp/server.err" && return 0
    cat "$tmp/server.err"
    return 1
}

serve "$bin/tcps.exe" -q 7 || finish
shows_connection() {
    connect hold || return 1
    kill -QUIT "$server"
    prints "ESTABLISHED +$stack:7 +$host:[0-9]+ +[0-9]+ +[0-9]+" &&
        prints "LISTEN +0\.0\.0\.0:7 " &&
        prints "^$host +([0-9a-f]{2}:){5}[0-9a-f]{2} +resolved" &&
        prints "^192\.0\.2\.0 +255\.255\.255\.0 +0\.0\.0\.0 +net1" &&
        prints "^tcp\.received +[0-9]+"
}
check "SIGQUIT shows the connection, the neighbour, the route" shows_connection
check "the server goes on serving" client serial 1
check "the server ends with status 0" stop INT

serve "$bin/udps.exe" -q -i none 7 || finish
shows_endpoint() {
    kill -QUIT "$server"
    prints "^[0-9]+ +0\.0\.0\.0:7 +0"
}
check "SIGQUIT shows a UDP server's endpoint" shows_endpoint
check "the UDP server ends with status 0" stop INT
finish
