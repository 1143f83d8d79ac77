#!/bin/sh
# edition.sh: tests tools/edition on a small course in a repository of its own. One line for each
# behaviour; fails if one is FAIL. Needs git.

cd "$(dirname "$0")/.." || exit 1
source=$PWD
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
failed=0

# show TEXT COMMAND...: the behaviour passes if the command succeeds
show() {
    text=$1
    shift
    if "$@" >"$tmp/said" 2>&1; then
        echo "ok edition: $text"
    else
        echo "FAIL edition: $text"
        sed 's/^/    /' "$tmp/said" | head -n 12
        failed=1
    fi
}

# says STATUS PART COMMAND...: ends with this status, and the output contains PART
says() {
    want=$1 part=$2
    shift 2
    "$@" >"$tmp/output" 2>&1
    status=$?
    cat "$tmp/output"
    [ $status = "$want" ] && grep -q -e "$part" "$tmp/output"
}

# commit TITLE TRAILER: commits the work tree, a minute after the commit before
clock=1700000000
commit() {
    clock=$((clock + 60))
    git add -A
    GIT_AUTHOR_DATE="$clock +0900" GIT_COMMITTER_DATE="$clock +0900" \
        git commit -q -m "$1" ${2:+-m "$2"}
}

# tree STEP PATH: prints a file of the newest edition
tree() {
    git show "$(tools/edition step "$1"):$2"
}

#
# The course: each step adds a function to a.c. That of step 01 has a fault, found after step 03 has
# changed the line; a misspelling is in all trees; and there is no dev.c before step 02. The
# demonstration, demo.c, has other forms in steps 01 and 02.
#
course() {
    git init -q -b main "$tmp/course" && cd "$tmp/course" || exit 1
    git config user.name Reader
    git config user.email reader@example.org
    mkdir -p tools/edition.d/before/02/sim tools/edition.d/from/01 tools/edition.d/from/02 \
        tools/edition.d/messages test sim
    cp "$source/tools/edition" "$source/tools/filter.awk" tools
    printf '/build/\n' >.gitignore
    printf '# what is main'"'"'s\n- sim/*\nNN test/stepNN.c\n03 demo.c\n' >tools/edition.d/main
    printf '# none\n' | tee tools/edition.d/mends >tools/edition.d/filters
    printf 'The bench\n+ sim/sim.c sim/dev.c\n' >tools/edition.d/bench
    printf '# {step}: {title}\nEdition {edition}.\n@02- Devices.\nNext: {next}\n' \
        >tools/edition.d/README.in
    printf 'a device, some day\n' >tools/edition.d/before/02/sim/dev.c
    printf 'demonstration of 01\n' >tools/edition.d/from/01/demo.c
    printf 'demonstration of 02\n' >tools/edition.d/from/02/demo.c
    commit 'The ground'
    printf 'int zero(void)\n{\n    return 0; /* nougth */\n}\n' >a.c
    printf 'old bench\n' >sim/sim.c
    printf 'grader 00\n' >test/step00.c
    commit 'Zero' 'Step: 00'
    printf '\nint one(void)\n{\n    return 2;\n}\n' >>a.c
    printf 'old grader 01\n' >test/step01.c
    commit 'One' 'Step: 01'
    printf 'device\n' >sim/dev.c
    commit 'Devices, given'
    printf '\nint two(void)\n{\n    return 2;\n}\n' >>a.c
    printf 'grader 02\n' >test/step02.c
    commit 'Two' 'Step: 02'
    sed 's/^    return 2;/    return 3 - 1;/' a.c >new && mv new a.c
    printf '\nint three(void)\n{\n    return 3;\n}\n' >>a.c
    printf 'grader 03\n' >test/step03.c
    commit 'Three' 'Step: 03'
    awk '/int one/ { one = 1 } one && /3 - 1/ { sub(/3 - 1/, "2 - 1"); one = 0 } { print }' a.c >new
    mv new a.c
    printf 'grader 01\n' >test/step01.c
    commit 'One is not two' 'Fixes-step: 01'
    sed 's/nougth/nought/' a.c >new && mv new a.c
    printf 'bench\n' >sim/sim.c
    printf 'demonstration of 03\n' >demo.c
    printf 'a README of main'"'"'s own\n' >README.md
    printf '@ -02 *.c\n-    return 0; /* nougth */\n+    return 0; /* nought */\n' \
        >>tools/edition.d/filters
    printf '@ 03- *.c\n~ nougth nought\n@ a.c\n-no such line\n+at all\n' >>tools/edition.d/filters
    printf 'Nought\n\nStep: 00\n' >tools/edition.d/messages/00
    commit 'Nought is spelt so'
}

# The steps, and before and after them the commits without a step; neither the mend nor empty
# commits.
all_titles() {
    git log --reverse --format='%s %(trailers:key=Step,key=Edition,valueonly,separator=%x20)' \
        edition-2 >"$tmp/titles"
    cat "$tmp/titles"
    printf '%s\n' 'The ground 2' 'The bench 2' 'Nought 00 2' 'One 01 2' 'Two 02 2' 'Three 03 2' \
        'Nought is spelt so 2' 'Variants 2' | cmp - "$tmp/titles"
}

# Each file of each step has its part of the mend, the filters, main, the stub and the template.
all_trees() {
    for step in 00 01 02 03; do
        at=$(git log --format=%H --grep="^Step: $step" edition-2)
        git show "$at:a.c" | grep -q 'return 0; /\* nought \*/' || echo "$step: misspelt"
        git show "$at:sim/sim.c" | grep -qx bench || echo "$step: not main's bench"
        git show "$at:README.md" | grep -q "^# $step: " || echo "$step: no README"
        [ $step = 00 ] || git show "$at:test/step01.c" | grep -qx 'grader 01' ||
            echo "$step: not main's grader"
        [ $step = 00 ] || git show "$at:a.c" | grep -qx '    return \(1\|2 - 1\);' ||
            echo "$step: not mended"
        [ $step = 00 ] || git show "$at:demo.c" | grep -qx "demonstration of $step" ||
            echo "$step: another demonstration"
    done >"$tmp/wrong"
    at=$(git log --format=%H --grep='^Step: 01' edition-2)
    {
        git show "$at:a.c" | grep -qx '    return 1;' || echo "01: the variant's line is missing"
        git show "$at:sim/dev.c" | grep -qx 'a device, some day' || echo '01: no stub'
        git show "$at:README.md" | grep -q Devices && echo '01: README mentions devices'
        git show "$at:README.md" | grep -qx 'Next: 02' || echo '01: README names no next step'
        ! git cat-file -e "$at:test/step02.c" 2>/dev/null || echo '01: a grader too many'
        at=$(git log --format=%H --grep='^Step: 03' edition-2)
        git show "$at:sim/dev.c" | grep -qx device || echo '03: a stub'
        git show "$at:README.md" | grep -q Next && echo '03: README names a step that is not there'
    } >>"$tmp/wrong"
    cat "$tmp/wrong"
    ! [ -s "$tmp/wrong" ]
}

dated_after_main() {
    dates=$(git log --reverse --format=%ct edition-2)
    echo "$dates" | sort -n -c &&
        [ "$(echo "$dates" | head -n 1)" -gt "$(git log -1 --format=%ct main)" ]
}

# The same from a clone elsewhere, with a configuration that changes git's output.
same_hashes() {
    printf '*.c merge=union -diff\n' >"$tmp/attributes"
    cat >"$tmp/gitconfig" <<CONFIG
[user]
    name = Somebody
    email = else@example.org
[core]
    autocrlf = true
    quotePath = true
    attributesFile = $tmp/attributes
[commit]
    gpgSign = true
[diff]
    noprefix = true
    algorithm = patience
    renames = copies
[apply]
    whitespace = error
[color]
    ui = always
[i18n]
    commitEncoding = ISO-8859-1
[log]
    showSignature = true
[trailer]
    separators = "#"
CONFIG
    git clone -q "$tmp/course" "$tmp/else where" && (
        cd "$tmp/else where" &&
            env GIT_DIFF_OPTS=-u0 GIT_CONFIG_GLOBAL="$tmp/gitconfig" TZ=Asia/Tokyo \
                LC_ALL=C.UTF-8 tools/edition cut
    ) && [ "$(git -C "$tmp/else where" rev-parse edition-2)" = "$(git rev-parse edition-2)" ]
}

# main's tree is unchanged, there are two roots, and the work tree is clean.
merged() {
    [ "$(git rev-parse 'HEAD^{tree}')" = "$(git rev-parse 'HEAD^1^{tree}')" ] &&
        [ "$(git rev-list --max-parents=0 HEAD | wc -l)" = 2 ] &&
        [ -z "$(git status --porcelain)" ]
}

untouched() {
    git status --porcelain
    [ -z "$(git status --porcelain)" ] && [ "$(git symbolic-ref HEAD)" = refs/heads/main ]
}

#
# The behaviours
#
course
show "without an edition the steps are main's" says 0 '^03 .* Three$' tools/edition steps
show "an unknown command prints the usage" says 2 'tools/edition cut' tools/edition cat
show "a commit that is no mend is not checked" says 1 'no trailer' tools/edition check HEAD
show "check names the trees to which a mend does not apply" \
    says 1 'by conflict: 01..02$' tools/edition check HEAD^
show "a cut stops at a conflict, and names the file" \
    says 2 'does not apply in: a.c' tools/edition cut
waits=build/edition/tree
show "the tree that waits has main's grader and its README" \
    grep -x -e 'grader 01' -e '# 01: One' $waits/test/step01.c $waits/README.md
show "the rejected hunk is in a .rej file" grep -q 'return 2 - 1;' $waits/a.c.rej
show "check does not discard it" says 1 'a mend waits' tools/edition check HEAD^
show "continue fails while the .rej file is there" says 1 'a.c.rej' tools/edition continue
rm $waits/a.c.rej
show "continue fails without a change" says 1 'nothing is mended' tools/edition continue
sed 's/return 2;/return 1;/' $waits/a.c >"$tmp/a.c"
cp "$tmp/a.c" $waits/a.c
show "continue records a variant, which serves later trees too" \
    says 0 'by machine: 03  by hand: 01..02$' tools/edition continue
show "vary stops at a tree to which the mend applies" \
    says 2 'applies; what you leave' tools/edition vary main^ 03
sed 's/2 - 1/1 + 0/' $waits/a.c >"$tmp/a.c"
cp "$tmp/a.c" $waits/a.c
show "continue records the change as a variant" says 0 'by hand: 01..03$' tools/edition continue
rm tools/edition.d/variants/*/03.patch
show "a variant may be for a range of trees" says 2 'applies' tools/edition vary main^ 01 02
show "a variant may say that trees need no mend" \
    says 0 'by machine: 03  by skip: 01..02$' tools/edition skip
rm tools/edition.d/variants/*/01..02.patch
show "vary refuses a tree that does not exist" says 1 'no tree 04' tools/edition vary main^ 04
show "the work tree has only the recorded variant" \
    says 0 '^?? tools/edition.d/variants/$' git status --porcelain
show "merge refuses uncommitted changes" says 1 'has changes' tools/edition merge
show "a filter without matches is named" \
    says 0 'filter without a text: @ a.c' tools/edition cut
printf 'Nought\n' >tools/edition.d/messages/00
show "a message without its step's trailer is refused" says 1 'no trailer Step: 00' tools/edition cut
printf 'Nought\n\nStep: 00\n' >tools/edition.d/messages/00
commit 'Variants'
show "a cut needs no more variants" tools/edition cut
show "the work tree and its index are unchanged" untouched
show "the chain has the steps, their preparations, and the commits without a step" all_titles
show "the same main gives the same hashes, whatever the machine" same_hashes
show "each tree has the mend, the filters, main's bench and grader, a README" all_trees
show "the chain is dated after main" dated_after_main
show "the last tree of the chain is main's" git diff --exit-code main edition-2
show "an edition is merged" tools/edition merge
show "a merged edition does not change main's tree" merged
show "the edition is cut again with the same hashes" tools/edition verify
show "step names the edition's commit" says 0 'return 1;' tree 1 a.c
show "a malformed number prints the usage" says 2 'tools/edition step 14' tools/edition step 1e1
git switch -q --detach "$(tools/edition step 3)"
show "no edition is cut from an edition" says 1 'switch to main' tools/edition cut
git switch -q main

#
# The second edition is based on the first
#
sed 's/return 0;/return 1 - 1;/' a.c >new && mv new a.c
commit 'Zero is a difference' 'Fixes-step: 00'
printf 'int four;\n' >four.c
printf 'grader 04\n' >test/step04.c
commit 'Four' 'Step: 04'
show "a planted mend applies to all trees" \
    says 0 'by machine: 00..04-2$' tools/edition check HEAD^
show "the next edition is cut by one command" tools/edition cut
show "the next edition is merged" tools/edition merge
show "each tree of the next edition has the mend" says 0 'return 1 - 1;' tree 1 a.c
show "the variants of the last edition are still in the next" says 0 'return 1;' tree 2 a.c
show "the next edition has the steps since" says 0 'int four' tree 4 four.c
show "the next edition is cut again with the same hashes" tools/edition verify
show "the bench is added once" says 0 '^1$' \
    sh -c 'git log --format=%s edition-3 | grep -c "^The bench$"'
printf 'int nine;\n' >nine.c
commit 'A mend of a step to come' 'Fixes-step: 09'
show "a mend of a missing step is refused" says 1 'Fixes-step: 09' tools/edition cut
echo "$(git rev-parse HEAD) 04" >>tools/edition.d/mends
show "tools/edition.d/mends corrects the step of a mend" \
    says 0 'by machine: 04..end-1$' tools/edition check HEAD
printf 'int four, five;\n' >four.c
commit 'Five is there'
printf 'int four = 4, five;\n' >four.c
commit 'Four is 4' 'Fixes-step: 04'
printf 'int four = 4, five = 5;\n' >four.c
commit 'Five is 5' 'Fixes-step: 04'
show "one mend is folded while another has conflicts" \
    says 2 '"Five is 5"' tools/edition fold HEAD
tools/edition skip >"$tmp/said" 2>&1 # in the tree of 04; the next has no five either
show "a fold leaves out other mends with conflicts" \
    says 0 'by conflict: 04..end-1$' tools/edition skip
show "a clone without history is refused" says 1 'shallow' sh -c \
    "git clone -q --depth 1 'file://$tmp/course' '$tmp/shallow' && '$tmp/shallow/tools/edition' cut"
exit $failed
