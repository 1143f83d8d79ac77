# A file of a skeleton, for tools/skeleton. Functions are found by the form that make lint checks:
# the signature begins in the first column, `{` and `}` stand alone on their lines.
#
# Reads as file=1 a step's list (docs/book/making.md has its notation), as file=2 the source as
# the step before left it, as file=3 the source as the step completes it. Prints the last one
# without the reader's functions: a new one becomes a stub, a changed one gets its former body, a
# `+` line is left out. done=K: the first K entries of the list are written. sizes=1: prints
# instead each function that is new or changed, with its lines of code.

# The list: PATH FUNCTION RESULT, PATH FUNCTION =, or PATH + TEXT; `| ` begins a line of the stub. `!`
# lines are for tools/skeleton.
file == 1 && !sizes {
    if (/^[#!]/ || /^$/) next
    if (/^[|]/) {
        if (mine) notes[entry] = notes[entry] (/^[|] *$/ ? "" : "    " substr($0, 3)) "\n"
        next
    }
    if (/^[^ ]/) {
        number++
        mine = $1 == path && number > done
        if (mine && $2 == "+") {
            text = $0
            sub(/^[^ ]+ [+] /, "", text)
            left_out[text] = 1
        } else if (mine) {
            entry = $2
            text = $0
            sub(/^[^ ]+ +[^ ]+ +/, "", text)
            result[entry] = text
            if (text != "=") stubs++
        }
    }
    next
}

# A stub needs util.h, which declares not_written. From 47 on a file may lack it: it is added above
# the first line of code.
file == 3 && stubs && /^#include "util.h"/ { stubs = 0 }
file == 3 && stubs && step >= 47 && /^[^#]/ { print "#include \"util.h\"\n"; stubs = 0 }

/^[A-Za-z_]/ { signature = $0 }

/^\{$/ {
    entry = signature
    sub(/\(.*/, "", entry)
    sub(/.*[ *]/, "", entry)
    inside = 1
    body = ""
}

inside {
    body = body $0 "\n"
    lines[file, entry]++
    if (/^\}$/) {
        inside = 0
        bodies[file, entry] = body
        if (file == 3 && !sizes) printf "%s", written()
        if (file == 3) order[++functions] = entry
    }
    next
}

file == 3 && !sizes && !($0 in left_out) { print }

# The function's body in the skeleton.
function written() {
    if (!(entry in result)) return body
    found[entry] = 1
    if (result[entry] == "=") return bodies[2, entry]
    return "{\n" notes[entry] "    not_written(\"" step "\");\n" \
        (result[entry] == "-" ? "" : "    return " result[entry] ";\n") "}\n"
}

# How many lines of the function the step adds or changes.
function added(    old, new, had, i, num, sum) {
    num = split(bodies[2, entry], old, "\n")
    for (i = 1; i <= num; i++) had[old[i]]++
    num = split(bodies[3, entry], new, "\n")
    for (i = 1; i <= num; i++) if (had[new[i]]-- < 1) sum++
    return sum + 0
}

END {
    for (entry in result) {
        if (!(entry in found)) { print path ": no function " entry >"/dev/stderr"; exit 1 }
        if (result[entry] == "=" && !((2, entry) in bodies)) {
            print path ": " entry " is new in this step" >"/dev/stderr"
            exit 1
        }
    }
    for (i = 1; sizes && i <= functions; i++) {
        entry = order[i]
        if (!((2, entry) in bodies)) print path, entry, "new", lines[3, entry] - 2
        else if (bodies[2, entry] != bodies[3, entry]) print path, entry, "changed", added()
    }
}
