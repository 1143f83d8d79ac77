#!/bin/sh
# conformance.sh RESULTS: RESULTS is the output of the tests. A test's line ends with the ids that
# it shows, in square brackets: `ok 27 TIME-WAIT lasts 2 MSL [MUST-13]`. Checks these lines against
# docs/conformance.md: each id has one row with a status, a passed test shows each `met`, and no
# test names an undefined id. The same for the hostile packets.

results=$1
table=docs/conformance.md

if ! [ -r "$results" ] || ! [ -r "$table" ]; then
    echo "FAIL conformance: $table or the results of the tests are missing"
    exit 1
fi

awk -v table="$table" '
function know(id)
{
    known[id] = 1
    order[++num] = id
}

# The ids PREFIX1 to PREFIXlast
function number(prefix, last,    i)
{
    for (i = 1; i <= last; i++) {
        know(prefix i)
    }
}

# The ids of RFC 1122 are sections, with a letter where a section asks for several things.
function sections(list,    i, n, section)
{
    n = split(list, section, " ")
    for (i = 1; i <= n; i++) {
        know("1122-" section[i])
    }
}

function is_packet(id)
{
    return id ~ /^[EAICUTBM]-/
}

# Collects the ids with the same fault in one line.
function wrong(what, id)
{
    found[what] = found[what] " " id
    bad = 1
}

BEGIN {
    number("MUST-", 69)
    number("SHLD-", 31)
    number("MAY-", 18)
    number("REC-", 1)
    number("EVENT-", 14)
    sections("2.3.1 2.3.2.1a 2.3.2.1b 2.3.2.1c 2.3.2.2 2.3.3a 2.3.3b 2.3.3c 2.3.3d 2.4a 2.4b 2.4c")
    sections("3.1a 3.1b 3.2.1.1 3.2.1.2 3.2.1.3a 3.2.1.3b 3.2.1.3c 3.2.1.3d 3.2.1.5 3.2.1.6")
    sections("3.2.1.7a 3.2.1.7b 3.2.1.8a 3.2.1.8b 3.2.1.8c 3.2.1.8d 3.2.1.8e 3.3.1.1 3.3.1.2a")
    sections("3.3.1.2b 3.3.1.4 3.3.1.6 3.3.2a 3.3.2b 3.3.2c 3.3.3a 3.3.3b 3.3.3c 3.3.4.2a 3.3.4.2b")
    sections("3.3.4.2c 3.3.5 3.3.6a 3.3.6b 3.3.6c 3.3.6d 3.3.7 3.2.2a 3.2.2b 3.2.2c 3.2.2d 3.2.2e 3.3.8")
    sections("3.2.2.1a 3.2.2.1b 3.2.2.2a 3.2.2.2b 3.2.2.3 3.2.2.4 3.2.2.5a 3.2.2.5b 3.2.2.6a")
    sections("3.2.2.6b 3.2.2.6c 3.2.2.6d 3.2.2.7 3.2.2.8 3.2.2.9 4.1.3.1 4.1.3.2 4.1.3.3 4.1.3.4a")
    sections("4.1.3.4b 4.1.3.5a 4.1.3.5b 4.1.3.6 4.1.4")
    number("E-", 6)
    number("A-", 7)
    number("I-", 19)
    number("C-", 11)
    number("U-", 8)
    number("T-", 40)
    number("B-", 18)
    number("M-", 11)
}

# A row of the table: id, section, step, what, status
FILENAME == table && /^\| [A-Z0-9]+-[0-9]/ {
    split($0, cell, / *\| */)
    id = cell[2]
    if (is_packet(id)) {
        next
    }
    if (!(id in known)) {
        wrong("rows with an undefined id", id)
    }
    if (id in status) {
        wrong("more than one row", id)
    }
    status[id] = cell[6]
    if (cell[6] !~ /^(met|later [0-9]+|refused: .+)$/ || cell[3] == "" || cell[5] == "") {
        wrong("status is not met, later or refused with a reason", id)
    }
    next
}

# The line of a test, with ids at its end
FILENAME != table && /^(ok|FAIL|skip) .*\[[^]\[]*\]$/ {
    text = $0
    sub(/\]$/, "", text)
    sub(/^.*\[/, "", text)
    n = split(text, ids, " ")
    for (i = 1; i <= n; i++) {
        if (!(ids[i] in known)) {
            wrong("tests name undefined ids", ids[i])
        } else if ($1 == "ok") {
            shown[ids[i]] = 1
        }
    }
}

END {
    for (i = 1; i <= num; i++) {
        id = order[i]
        if (is_packet(id)) {
            packets++
            if (!(id in shown)) {
                wrong("hostile packets without a passed test", id)
            }
        } else if (!(id in status)) {
            wrong("no row", id)
        } else if (status[id] == "met" && !(id in shown)) {
            wrong("met, but no passed test shows it", id)
        }
        count[substr(status[id], 1, 3)]++
    }
    for (what in found) {
        print "FAIL conformance: " what ":" found[what]
    }
    if (!bad) {
        printf "ok conformance: of the rows %d are met, %d come later, %d are refused; ", \
            count["met"], count["lat"], count["ref"]
        print packets " kinds of hostile packets do no harm"
    }
    exit bad
}' "$table" "$results"
