#!/bin/sh
# valgrind.sh [SCRIPT...]: these or all end-to-end tests, with each of our programs under valgrind,
# which finds reads of memory never written, and leaks.
command -v valgrind >/dev/null || { echo "skip valgrind: not installed (apt-get install valgrind)"; exit; }
export WRAP="valgrind -q --leak-check=full --fair-sched=yes --max-threads=4000 --error-exitcode=99"
failed=0
[ $# -gt 0 ] || set -- test/e2e/*.sh
for script in "$@"; do
    "$script" || failed=1
done
exit $failed
