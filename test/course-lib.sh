# shellcheck shell=sh
# What course.sh and whole-course.sh share. They read it in the top directory of the clone, and are
# run again in a copy, $tmp/origin, with a home of its own and no identity. Root becomes an ordinary
# user, unless COURSE_USER=root; COURSE_SHELL=dash runs the test itself with another shell.

export LC_ALL=C
if [ -z "${COURSE_TMP-}" ]; then
    tmp=$(mktemp -d) || exit 1
    trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
    trap 'exit 130' INT TERM
    git clone -q . "$tmp/origin" || exit
    set -- "${COURSE_SHELL:-sh}" "test/${0##*/}" "$@"
    if [ "$(id -u)" = 0 ] && [ "${COURSE_USER-}" != root ] && command -v setpriv >/dev/null; then
        chown -R 65534:65534 "$tmp"
        set -- setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    fi
    (cd "$tmp/origin" && COURSE_TMP=$tmp "$@")
    exit
fi
tmp=$COURSE_TMP
HOME=$tmp GIT_CONFIG_NOSYSTEM=1
export HOME GIT_CONFIG_NOSYSTEM
unset GIT_DIR GIT_WORK_TREE GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
unset XDG_CONFIG_HOME SEED MAKEFLAGS MAKELEVEL MFLAGS CC CFLAGS NO_COLOR MICROPS_LOG

# says STATUS TEXT COMMAND...: the command ends with this status and prints TEXT (a regular
# expression), no escape sequences, and last what to type next.
says() {
    want=$1 text=$2
    shift 2
    "$@" >"$tmp/out" 2>&1 </dev/null
    status=$?
    lack=''
    [ $status = "$want" ] || lack="status $status, not $want"
    grep -q -e "$text" "$tmp/out" || lack="$lack; no line has: $text"
    ! grep -q "$(printf '\033')" "$tmp/out" || lack="$lack; escape sequences"
    case $* in *'step grade '*) ;; *) tail -n 1 "$tmp/out" | grep -q '^next: .' ;; esac ||
        lack="$lack; it does not end with what to type next"
    grep -v -E '^(FAIL|ok|    |[0-9:.]+ \[|[-+ ].*[;{}(,]|[0-9]+ of [0-9]+ pass|not written yet: )' "$tmp/out" | grep -q '.\{81\}' &&
        lack="$lack; a line is wider than 80 columns"
    [ -n "$lack" ] || return 0
    echo "$*: ${lack#; }"
    sed 's/^/    /' "$tmp/out" | head -n 30
    return 1
}

entries() { # STEP
    awk '!/^[#!|]/ && NF' docs/book/"$1"-*/reader
}

# Writes the reference's functions and lines of a step into mine/, or the one on line K of its list
# alone. Each line of a body gets $mark at its end.
write_step() { # STEP [K]
    entries "$1" | sed -n "${2:-1,\$}p" >"$tmp/list"
    cut -d' ' -f1 "$tmp/list" | sort -u >"$tmp/paths"
    while read -r path; do
        git cat-file blob "book_step$1_complete:$path" >"$tmp/complete"
        awk -v path="$path" -v mark="$mark" -f test/reader.awk file=1 "$tmp/list" \
            file=2 "$tmp/complete" file=3 "mine/$path" >"$tmp/written"
        cat "$tmp/written" >"mine/$path"
    done <"$tmp/paths"
}
mark=
