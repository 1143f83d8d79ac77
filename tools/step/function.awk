# Prints a function of a C file, in the form that make lint checks: signature in the first column,
# `{` and `}` alone on their lines. part=comment: only the comment above it; part=body: only from
# the signature on. Without part: both.

/^$/ && !inside { above = ""; next }

/^[A-Za-z_].*[(]/ && !inside {
    entry = $0
    sub(/[(].*/, "", entry)
    sub(/.*[ *]/, "", entry)
    signature = $0
    open = /[),]$/
    if (open) next
}

open && !/^\{$/ { signature = signature "\n" $0; next }

/^\{$/ && open {
    open = 0
    inside = entry == name
    if (inside) {
        if (part != "body") printf "%s", above
        if (part == "comment") exit
        print signature
    }
}

inside { print }

/^\}$/ { if (inside) exit; above = ""; open = 0; next }

!inside && !open { above = above $0 "\n" }
