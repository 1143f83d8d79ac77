# blanks.awk SKELETON REFERENCE: prints a function of the reference without what it calls, tests,
# assigns and returns, except for lines that its skeleton has. Names and form stay.

NR == FNR { given[$0] = 1; next }

# The signature, and lines that are no statement.
!inside || /^[ {}]*$/ { print; if ($0 == "{") inside = 1; next }
comment || (/^ *\/\*/ && !/\*\/./) { print; comment = !/\*\/$/; next }
line == "" && $0 in given { print; next }

# A statement may have several lines.
{
    line = line == "" ? $0 : line " " substr($0, match($0, /[^ ]/))
    sub(/ *\/\*.*\*\/$/, "", line)
    text = line
    if (gsub(/[(]/, "(", text) > gsub(/[)]/, ")", text) || line !~ /[;{}:]$/) next
    if (line ~ /^[ }]*(else )?(if|while|for|switch) [(].*\{$/) {
        sub(/ [(].*/, " (____) {", line)
    } else if (line ~ /^ *return .*;$/) {
        sub(/return .*/, "return ____;", line)
    } else if (line ~ / [-+*|&]?= /) {
        gsub(/ = [^,;({]*,/, " = ____,", line)
        done = ""
        while (match(line, /^[^=]* = /) && substr(line, RLENGTH + 1) ~ /^[a-z_0-9.>*-]+ = /) {
            done = done substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
        }
        match(line, /[-+*|&]?= ([^_]|$)/)
        if (RSTART && substr(line, RSTART, 1) != "=") RSTART++
        if (RSTART) line = substr(line, 1, RSTART) " ____;"
        line = done line
    } else if (line !~ /[(][)];$/) {
        sub(/[(].*;$/, "(____);", line)
    }
    print line
    line = ""
}
