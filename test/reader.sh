#!/bin/sh
# reader.sh: takes the plain way through the course, from step 00 to 30, as a reader whose bodies all
# differ from the course's: no step conflicts, and after each the reader's tree is the complete one
# but for the marks of the bodies.

export LC_ALL=C
cd "$(dirname "$0")/.." || exit
root=$PWD
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

fail() {
    echo "FAIL reader: step $step: $*"
    exit 1
}

write_step() {
    list=$(ls "$root/docs/book/$step"-*/reader)
    awk '!/^[#!|]/ && NF { print $1 }' "$list" | sort -u >"$tmp/paths"
    while read -r path; do
        git cat-file blob "book_step${step}_complete:$path" >"$tmp/complete"
        awk -v path="$path" -v mark=' //m' -f "$root/test/reader.awk" file=1 "$list" file=2 "$tmp/complete" \
            file=3 "$path" >"$tmp/written"
        cat "$tmp/written" >"$path"
    done <"$tmp/paths"
}

# The tree without the marks is the complete one.
same_tree() {
    git grep -l ' //m$' | while read -r path; do
        sed 's| //m$||' "$path" >"$tmp/plain"
        cat "$tmp/plain" >"$path"
    done
    git diff --stat "book_step${step}_complete" >"$tmp/diff"
    git checkout -q .
    [ ! -s "$tmp/diff" ]
}

step=00
git clone -q --no-hardlinks . "$tmp/clone" || fail 'no clone'
cd "$tmp/clone" || exit
git config user.name reader
git config user.email reader@example.com
EDITION=${EDITION:+origin/$EDITION} ./step tags >/dev/null || fail 'no tags'
git switch -q -c mine book_step00_skeleton || fail 'no skeleton'
for step in $(seq -w 0 30); do
    [ "$step" = 00 ] || git cherry-pick "book_step${step}_skeleton" >"$tmp/log" 2>&1 ||
        fail "git cherry-pick book_step${step}_skeleton: $(grep CONFLICT "$tmp/log")"
    write_step
    git commit -q -a -m "step $step"
    same_tree || fail "the tree is not the complete one: $(cat "$tmp/diff")"
done
echo "ok reader: 31 steps taken the plain way, with no conflict"
