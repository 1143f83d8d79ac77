#!/bin/sh
# The end-to-end tests with each of our programs under valgrind, which finds memory that is read
# before it is written, or lost. Without arguments all of them.
command -v valgrind >/dev/null || { echo "skip valgrind: there is none (apt-get install it)"; exit; }
export WRAP="valgrind -q --leak-check=full --fair-sched=yes --max-threads=4000 --error-exitcode=99"
failed=0
[ $# -gt 0 ] || set -- test/e2e/*.sh
for script in "$@"; do
    "$script" || failed=1
done
exit $failed
