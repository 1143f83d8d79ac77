#!/bin/sh
# test/e2e/loss.sh with more data
export KIB1="${KIB1-8192}" KIB5="${KIB5-1024}"
exec test/e2e/loss.sh
