# Writes what a reader writes in a step, for test/reader.sh: reads as file=1 the step's list
# (docs/book/making.md has its notation), as file=2 a source as the step completes it, as file=3 the
# same source as the reader has it, and prints the latter with the listed functions and lines
# written. With mark each line of a body gets this at its end.

file == 1 {
    if (/^[#!|]/ || $1 != path) next
    if ($2 != "+") { mine[$2] = 1; next }
    text = $0
    sub(/^[^ ]+ [+] /, "", text)
    line[text] = 1
    next
}

/^[A-Za-z_]/ { signature = $0 }

/^\{$/ {
    entry = signature
    sub(/\(.*/, "", entry)
    sub(/.*[ *]/, "", entry)
    inside = 1
    if (file == 3) print
    next
}

/^\}$/ && inside {
    inside = 0
    if (file == 3) printf "%s}\n", entry in mine ? body[entry] : had
    had = ""
    next
}

inside {
    if (file == 2) body[entry] = body[entry] $0 (length ? mark : "") "\n"
    else had = had $0 "\n"
    next
}

file == 2 {
    if ($0 in line) after[last] = after[last] $0 "\n"
    else last = $0
    next
}

{ print; printf "%s", after[$0] }
