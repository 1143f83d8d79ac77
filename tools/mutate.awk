# The changes that tools/mutate makes. Reads a C file; with `number` it reads the list first.
#
# Without number: prints n changes, drawn from a seed. Each is a line OFFSET LENGTH NEW, with tabs
# between; \1 in NEW stands for the old text. With number: prints the file with this change of the
# list, and writes a description, LINE: OLD -> NEW, to the file `what`.
#
# Only code is changed: no comments, strings, types, declarations, calls that log, and no functions
# that print or name things for the log.

number && FILENAME == ARGV[1] { if (FNR == number) change = $0; next }

{
    line[++lines] = $0
    at[lines] = length(text) + 1
    text = text $0 "\n"
    shown = number ? "" : code(masked($0))
    mask = mask shown "\n"
    masks[lines] = shown
}

END {
    if (number) {
        apply()
        exit
    }
    for (i = 1; i <= lines; i++) {
        if (masks[i] ~ /[^ ]/) change_line(i)
    }
    draw()
}

function apply(    part, old, new, row) {
    split(change, part, "\t")
    old = substr(text, part[1], part[2])
    new = part[3]
    if (index(new, "\001")) {
        sub(/\001/, "\002", new)
        new = substr(new, 1, index(new, "\002") - 1) old substr(new, index(new, "\002") + 1)
    } else {
        gsub(/[^\n]/, "", old) # later lines keep their numbers
        new = new old
    }
    for (row = 1; row < lines && at[row + 1] <= part[1]; row++) continue
    text = substr(text, 1, part[1] - 1) new substr(text, part[1] + part[2])
    printf "%s", text
    new = substr(text, at[row])
    print row ": " trim(line[row]) " -> " trim(substr(new, 1, index(new, "\n") - 1)) >what
}

function trim(s) {
    gsub(/^ +| +$/, "", s)
    return s
}

# Draws n of the changes (Fisher and Yates, Lehmer's generator).
function draw(    i, j) {
    seed = seed % 2147483646 + 1
    for (i = 0; i < 5; i++) seed = seed * 16807 % 2147483647
    for (i = 1; i <= n && i <= changes; i++) {
        seed = seed * 16807 % 2147483647
        j = i + seed % (changes - i + 1)
        print list[j]
        list[j] = list[i]
    }
}

function add(offset, len, new) {
    list[++changes] = offset "\t" len "\t" new
}

# The line with comments blank and with @ for each character of a string.
function masked(s,    out, i, token) {
    while (s != "") {
        if (in_comment) {
            i = index(s, "*/")
            in_comment = !i
            i = i ? i + 1 : length(s)
            out = out fill(i, " ")
            s = substr(s, i + 1)
            continue
        }
        if (!match(s, /\/\*|\/\/|"|'/)) return out s
        token = substr(s, RSTART, RLENGTH)
        out = out substr(s, 1, RSTART - 1)
        s = substr(s, RSTART)
        if (token == "/*") in_comment = 1
        i = length(s)
        if (token == "/*") i = 2
        else if (token == "\"" && match(s, /"([^"\\]|\\.)*"/)) i = RLENGTH
        else if (token == "'" && match(s, /'([^'\\]|\\.)*'/)) i = RLENGTH
        out = out fill(i, token ~ /^\// ? " " : "@")
        s = substr(s, i + 1)
    }
    return out
}

function fill(num, c,    out) {
    while (num-- > 0) out = out c
    return out
}

# The masked line, blank where nothing is to be changed. Functions begin as test/lint.sh wants it.
function code(s,    blank) {
    blank = fill(length(s), " ")
    if (in_define || s ~ /^# *define /) {
        if (!in_define) {
            match(s, /^# *define +[A-Za-z_0-9]+(\([^)]*\))?/)
            s = fill(RLENGTH, " ") substr(s, RLENGTH + 1)
        }
        in_define = s ~ /\\$/
        return s
    }
    if (s ~ /^#/) return blank
    if (s ~ /^[}]/) {
        in_function = in_table = in_log = 0
        return blank
    }
    if (!in_function) {
        if (s ~ /^[A-Za-z_].*[(]/) printer = s ~ /^[^(]*(dump|print|_ntoa)/
        in_function = s ~ /^[{]/
        functions += in_function
        if (s ~ / = .*[{]$/) in_table = 1
        return in_table || s ~ /^[a-z].* = .*;$/ ? s : blank
    }
    if (s ~ /^ *(log_[a-z]*|[a-z_]*dump|(debug|info|warn|error)f|assert|_Static_assert)[(]/)
        in_log = 1
    if (in_log) {
        in_log = s !~ /; *$/
        return blank
    }
    function_of[lines] = functions
    if (s ~ /return (-1;|drop[(])/) fails[functions] = 1
    if (match(s, /drop[(][^,]*,/)) { # what follows the counter is for the log
        in_log = s !~ /; *$/
        s = substr(s, 1, RSTART + RLENGTH - 1) fill(length(s) - RSTART - RLENGTH + 1, " ")
    }
    return printer ? blank : s
}

function change_line(i,    s) {
    s = masks[i] " "
    both(i, s, " < ", " <= ")
    both(i, s, " > ", " >= ")
    both(i, s, " == ", " != ")
    both(i, s, " + ", " - ")
    both(i, s, " += ", " -= ")
    both(i, s, "++", "--")
    both(i, s, " && ", " || ")
    both(i, s, " & ", " | ")
    both(i, s, "seq_lt(", "seq_leq(")
    each(i, s, "[(! ]![a-z_*(]", 1, 1, "")
    each(i, s, "(hton|ntoh)(16|32)[(]", 0, 1, "")
    constants(i, s)
    conditions(i, s)
    swaps(i, s)
    if (s ~ /^ / && ends_before(i)) statement(i)
}

# a becomes b, and b a.
function both(i, s, a, b) {
    replace(i, s, a, b)
    replace(i, s, b, a)
}

function replace(i, s, old, new,    from, p) {
    for (from = 1; (p = index(substr(s, from), old)); from += p + length(old) - 2) {
        p += from - 1
        add(at[i] + p - 1, length(trim(old)) + (old ~ /^ /), new ~ /^ / ? " " trim(new) : new)
        p -= from - 1
    }
}

# Replaces what matches, but for its first `before` and last `after` characters.
function each(i, s, regex, before, after, new,    from) {
    for (from = 1; match(substr(s, from), regex); from += RSTART + RLENGTH - 1 - after) {
        add(at[i] + from + RSTART - 2 + before, RLENGTH - before - after, new)
    }
}

# The 0 of a function that can return -1 becomes -1. A truth value, and -1, only become 0.
function constants(i, s,    from, p, word, before, regex) {
    regex = "[^A-Za-z0-9_.@][0-9][0-9A-Fa-fxUuLl]*"
    for (from = 1; match(substr(s, from), regex); from = p + length(word)) {
        p = from + RSTART
        word = substr(s, p, RLENGTH - 1)
        before = substr(s, 1, p - 1)
        if (word ~ /^0x/) {
            add(at[i] + p - 1, length(word), "(\001 + 1)")
        } else if (word ~ /^[0-9]+$/) {
            if (word == 0 && before ~ /return $/ && fails[function_of[i]])
                add(at[i] + p - 1, 1, "-1")
            else if (word != 1 || before !~ /(-|return | = )$/)
                add(at[i] + p - 1, length(word), sprintf("%.0f", word + 1))
            if (word > 0) add(at[i] + p - 1, length(word), sprintf("%.0f", word - 1))
        }
    }
}

# Conditions become their contrary.
function conditions(i, s,    from, p, len) {
    for (from = 1; match(substr(s, from), /(if|while) [(]/); from = p) {
        p = from + RSTART + RLENGTH - 2
        len = closing(substr(mask, at[i] + p - 1, 2000))
        if (len > 0) add(at[i] + p - 1, len, "(!\001)")
        p++
    }
}

# Returns the length from an opening parenthesis to its closing one.
function closing(s,    from, depth, c) {
    for (from = 1; match(substr(s, from), /[()]/); from += RSTART) {
        c = substr(s, from + RSTART - 1, 1)
        depth += c == "(" ? 1 : -1
        if (depth == 0) return from + RSTART - 1
    }
    return 0
}

# Two neighbouring arguments change places; the compiler refuses other types.
function swaps(i, s,    name, from, p, pair, part) {
    name = "[&*]?[A-Za-z_][A-Za-z0-9_]*((->|[.])[A-Za-z0-9_]+)*"
    name = "[a-z0-9_ ][(,]? ?" name ", " name "[,)]"
    for (from = 1; match(substr(s, from), name); from = p + 1) {
        p = from + RSTART
        pair = substr(s, p, RLENGTH - 2)
        if (pair !~ /^[(,]/) continue
        match(pair, /^[(,] ?/)
        p += RLENGTH
        pair = substr(pair, RLENGTH + 1)
        split(pair, part, ", ")
        if (part[1] != part[2]) add(at[i] + p - 1, length(pair), part[2] ", " part[1])
    }
}

# Does a statement end before line i, so that one begins there?
function ends_before(i) {
    for (i--; i > 0 && masks[i] !~ /[^ ]/; i--) {
        if (line[i] ~ /^[{]/ || line[i] ~ /; *$/) return 1
    }
    return i == 0 || masks[i] ~ /[;{}:] *$/
}

# Removes a call, an assignment or a jump; the value of a return becomes 0.
function statement(i,    s, offset, len, last) {
    match(masks[i], /^ */)
    offset = at[i] + RLENGTH
    for (last = i; last < i + 20 && masks[last] !~ /; *$/; last++) {
        if (masks[last] ~ /[{}:] *$/) return
    }
    match(masks[last], /; *$/)
    len = at[last] + RSTART - offset
    s = substr(mask, offset, len)
    gsub(/\n */, " ", s)
    if (s ~ /^return / && s !~ /^return (-?[0-9]+|NULL);$/) add(offset, len, "return 0;")
    else if (s ~ /^(break|continue|return|goto [a-z_]+);$/ ||
        s ~ /^([(]void[)])?[a-z_][A-Za-z_0-9>.-]*[(].*[)];$/ ||
        s ~ /^([+][+]|--)?[a-z_*(][][A-Za-z_0-9>.()*-]*([+][+]|--)?;$/ ||
        s ~ /^[a-z_*(][][A-Za-z_0-9>.()*-]* [-+*\/%|&^<>]*= /) add(offset, len, ";")
}
