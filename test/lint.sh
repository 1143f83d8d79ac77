#!/bin/sh
# make lint: runs the linters that are installed, and names the missing ones. Fails on a finding.

failed=0
inc="-I. -Iplatform/linux -Itest/sim"
# files PATTERN: those of main. The parts of ./step are read with it.
files() {
    find . \( -name build -o -path ./mine -o -path ./tools/step -o -path ./docs/book \) -prune -o -name "$1" -print | sort
}
sources=$(files '*.c')
headers=$(files '*.h')
# For the trees of their steps, not for this one: tools/ladder compiles them.
exchanges=$(find docs/book tools/step -name '*.[ch]')
scripts="step tools/contents tools/edition tools/fences tools/ladder tools/mistakes tools/mutate tools/skeleton tools/step/tap-session.sh $(files '*.sh')"

# have TOOL
have() {
    command -v "$1" >/dev/null && return 0
    echo "lint: $1 is not installed, skipped"
    return 1
}

# report NAME STATUS
report() {
    if [ "$2" = 0 ]; then
        echo "ok lint $1"
    else
        echo "FAIL lint $1"
        failed=1
    fi
}

# Lines of at most 100 columns, without tabs and trailing blanks.
awk 'length > 100 { print FILENAME ":" FNR ": longer than 100 columns"; bad = 1 }
     /[ \t]$/ { print FILENAME ":" FNR ": ends with a blank"; bad = 1 }
     /\t/ { print FILENAME ":" FNR ": a tab"; bad = 1 }
     END { exit bad }' $sources $headers $exchanges
report "lines" $?

# The form by which tools find functions (tools/edition, the skeletons): the signature begins in the
# first column and contains the name; `{` and `}` stand alone on their lines.
awk 'function wrong(what) { print FILENAME ":" FNR ": " what; bad = 1 }
     FNR == 1 { signature = last = ""; open = 0 }
     { sub(/ *\/\*.*\*\/$/, "") }
     /^[A-Za-z_]/ { signature = $0 }
     /^[A-Za-z_][^={]*\)[^={]*\{/ { wrong("a function with { on the line of its signature") }
     /^\{/ {
         if ($0 != "{") wrong("{ does not stand alone")
         if (signature !~ /^[A-Za-z_].*[ *][A-Za-z_0-9]+\(/ || last !~ /\)$/)
             wrong("{ without a signature that begins in the first column")
         open = 1
     }
     open && /^[^ {}#]/ && !/^[A-Za-z_0-9]+:/ { wrong("a function whose } does not stand alone") }
     /^\}/ && open { if ($0 != "}") wrong("} does not stand alone"); open = 0 }
     { last = $0 }
     END { exit bad }' $sources $exchanges
report "functions" $?

# The files of TCP and their ranks: a file calls only those of a lower rank, so there is no circle.
house='ring 1 heap 1 tcp_hdr 1 tcp_reass 1 tcp_rtt 1 tcp_cc 1 tcp_loss 1 tcp_pcb 2 tcp_out 3 tcp_cmd 4 tcp 4'
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for source in tcp*.c ring.c heap.c; do
    # shellcheck disable=SC2086 # $inc is a list of words
    ${CC:-cc} -std=gnu11 $inc -c -o "$tmp/${source%.c}" "$source" || failed=1
done
(cd "$tmp" && nm -A ./*) | awk -v house="$house" '
    BEGIN { n = split(house, word, " "); for (i = 1; i < n; i += 2) rank[word[i]] = word[i + 1] }
    { file = $1; sub(/:.*/, "", file); sub(/^.*\//, "", file) }
    !(file in rank) && !seen[file]++ { print file ".c: not in the list `house`"; bad = 1 }
    $(NF - 1) ~ /^[A-TV-Z]$/ { home[$NF] = file }
    $(NF - 1) == "U" { calls[file, $NF] = 1 }
    END {
        for (call in calls) {
            split(call, part, SUBSEP)
            if (part[2] in home && rank[home[part[2]]] >= rank[part[1]]) {
                print part[1] ".c: uses " part[2] " of " home[part[2]] ".c"
                bad = 1
            }
        }
        exit bad
    }'
report "house" $?

if have cppcheck; then
    cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability -j 2 \
        --inline-suppr --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
        --suppress=invalidPrintfArgType_uint \
        $inc $sources
    report "cppcheck" $?
fi

# clang-tidy reads its flags from compile_flags.txt. Files of other trees need other headers.
checks='-*,bugprone-*,misc-redundant-expression,readability-misleading-indentation'
for noisy in branch-clone easily-swappable-parameters implicit-widening-of-multiplication-result \
    infinite-loop narrowing-conversions reserved-identifier signal-handler sizeof-expression \
    suspicious-include suspicious-string-compare too-small-loop-variable; do
    checks=$checks,-bugprone-$noisy
done
if have clang-tidy; then
    printf '%s\n' $sources | grep -v '^./tools/edition.d/from/' | xargs -n 8 -P 2 clang-tidy --quiet --checks="$checks" 2>&1 |
        grep -E '(warning|error): '
    [ $? = 1 ]
    report "clang-tidy" $?
fi

if have shellcheck; then
    shellcheck --severity=warning -x -P SCRIPTDIR/../.. $scripts .ci/run
    report "shellcheck" $?
fi
exit $failed
