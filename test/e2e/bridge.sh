#!/bin/sh
# A bridge: two of our stacks talk to each other
#
#   kernel 192.0.2.1 -- br0 -- tap0 -- 192.0.2.2 tcps.exe
#                         `--- tap1 -- 192.0.2.3 tcpc.exe

. test/e2e/common
bridge_up

serve "$bin/tcps.exe" -q 7 || finish
head -c 1048576 /dev/urandom >"$tmp/in"
check "1 MiB from one stack to another and back" tcpc_echoes "$tmp/in" -i tap1 \
    -m 00:00:5e:00:53:02 -a 192.0.2.3/24 $stack 7
check "the server ends with status 0, silently" stop_clean INT
finish
