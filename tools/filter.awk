# Replacements of text, for tools/edition. A file of filters has blocks:
#
#   @ 13-40 arp.c docs/*.md     in trees of steps 13 to 40 (13-, -40 or nothing: without that bound)
#   -old lines
#   =a line that stays (`=` alone: an empty one)
#   +new lines
#   ~ old_name new_name         replaces this word in all lines
#
# list=1: reads filters, then `git ls-files -s`; prints MODE HASH SET PATH of each file to filter in
# the tree of step `has`. A set is the number of a line in the file `sets`, which lists blocks.
# Without list: reads filters, then lines IN OUT SET; writes each filtered file to OUT, or to
# OUT.same if it is unchanged, and appends the blocks that matched to the file `used`. unused=1:
# reads filters, then that file, and names the other blocks.

BEGIN {
    while (sets != "" && (getline line <sets) > 0) set_of[blocks_of[++last_set] = line] = last_set
}

FILENAME != ARGV[ARGC - 1] {
    if (/^#/ || /^$/) next
    rest = substr($0, 2)
    if (/^@/) header()
    else if (/^-/) old[blocks] = old[blocks] rest "\n"
    else if (/^[+]/) new[blocks] = new[blocks] rest "\n"
    else if (/^=/) { old[blocks] = old[blocks] rest "\n"; new[blocks] = new[blocks] rest "\n" }
    else if (/^~/) { was[blocks, ++words[blocks]] = $2; is[blocks, words[blocks]] = $3 }
    else { print "filters: bad line: " $0 >"/dev/stderr"; exit 1 }
    next
}

function header(    i, range) {
    title[++blocks] = $0
    first[blocks] = -1
    final[blocks] = 1000
    i = 2
    if ($2 ~ /^[0-9]*-[0-9]*$/) {
        split($2, range, "-")
        if (range[1] != "") first[blocks] = range[1] + 0
        if (range[2] != "") final[blocks] = range[2] + 0
        i = 3
    }
    for (globs[blocks] = 0; i <= NF; i++) {
        gsub(/[.]/, "[.]", $i)
        gsub(/[*]/, "[^/]*", $i)
        glob[blocks, ++globs[blocks]] = "^" $i "$"
    }
}

function matches(block, path,    i) {
    for (i = 1; i <= globs[block]; i++) if (path ~ glob[block, i]) return 1
    return 0
}

function set(ids) {
    if (!(ids in set_of)) {
        set_of[ids] = ++last_set
        print ids >>sets
    }
    return set_of[ids]
}

list {
    path = $0
    sub(/^[^\t]*\t/, "", path)
    ids = ""
    for (i = 1; i <= blocks; i++) {
        if (has >= first[i] && has <= final[i] && matches(i, path)) ids = ids "," i
    }
    if (ids != "") print $1, $2, set(substr(ids, 2)), path
    next
}

unused {
    hit[$1] = 1
    next
}

END {
    for (i = 1; unused && i <= blocks; i++)
        if (!(i in hit)) print "filter without a text: " title[i]
}

# Replaces the lines of old by those of new. Each text ends with a newline. The search includes the
# newline before, which stays.
function replace(text, old, new,    at, out) {
    text = "\n" text
    if (new != "") new = "\n" substr(new, 1, length(new) - 1)
    while ((at = index(text, "\n" old)) > 0) {
        out = out substr(text, 1, at - 1) new
        text = substr(text, at + length(old))
        found = 1
    }
    return substr(out text, 2)
}

function rename(text, old, new,    at, out, left, right) {
    while ((at = index(text, old)) > 0) {
        left = at > 1 ? substr(text, at - 1, 1) : substr(out, length(out), 1)
        right = substr(text, at + length(old), 1)
        out = out substr(text, 1, at - 1)
        if (left !~ /[A-Za-z0-9_]/ && right !~ /[A-Za-z0-9_]/) { out = out new; found = 1 }
        else out = out old
        text = substr(text, at + length(old))
    }
    return out text
}

!list && !unused {
    text = ""
    changed = 0
    while ((getline line <$1) > 0) text = text line "\n"
    close($1)
    n = split(blocks_of[$3], ids_of, ",")
    for (i = 1; i <= n; i++) {
        b = ids_of[i]
        found = 0
        if (old[b] != "") text = replace(text, old[b], new[b])
        for (w = 1; w <= words[b]; w++) text = rename(text, was[b, w], is[b, w])
        if (found) print b >>used
        changed = changed || found
    }
    out = changed ? $2 : $2 ".same"
    printf "%s", text >out
    close(out)
}
