# What the commands of ./step share. They are read by ./step, in the top directory of the clone.
#
# The reader's stack is the worktree mine/ on the branch mine. The directory .git/step remembers
#
#   commits    the edition that mine/ follows: NN SKELETON COMPLETE; a pull does not change it
#   book       the lists, points and mistakes of that edition
#   moving     while a command moves mine/ to another commit: where it was
#   passed     the step at hand, once its grader has passed
#   failing    an earlier step that ./step next found red
#   hint       what the last hint was about, and its stage

root=$PWD
mine=$root/mine

bold='' red='' green='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    bold=$(printf '\033[1m') red=$(printf '\033[31m') green=$(printf '\033[32m')
    plain=$(printf '\033[0m')
fi

say() {
    printf '%s\n' "$*"
}

# The last line of each command: what to type.
next() {
    say "next: $bold$*$plain"
}

die() { # MESSAGE [WHAT-TO-TYPE]
    say "$1" >&2
    next "${2:-./step}" >&2
    exit 1
}

# Git for the reader's branch: no hooks, signatures or prompts, and a name if he has set none.
git() {
    command git -c core.hooksPath=/dev/null -c commit.gpgSign=false -c core.autocrlf=false \
        -c advice.detachedHead=false -c rerere.enabled=false -c merge.conflictStyle=merge "$@"
}

in_mine() {
    git -C "$mine" "$@"
}

nearest() { # WORD
    for known in start test show hint next answer reset grade; do
        [ "${known%"${known#?}"}" != "${1%"${1#?}"}" ] || { say " Is it $known?"; return; }
    done
}

pad() { # NUMBER
    case $1 in '' | *[!0-9]* | ???*) die "$1 is not the number of a step" ;; esac
    printf '%02d' "${1#0}"
}

# In a clone that was moved or copied, mine/ and its directory in .git name the old place.
find_mine() {
    [ -f "$mine/.git" ] || return 0
    admin=${state%/step}/worktrees/$(sed 's|.*/||' "$mine/.git")
    [ -d "$admin" ] || return 0
    [ "$(cat "$mine/.git")" = "gitdir: $admin" ] || say "gitdir: $admin" >"$mine/.git"
    [ "$(cat "$admin/gitdir")" = "$mine/.git" ] || say "$mine/.git" >"$admin/gitdir"
}

# Checks the machine, and sets state. Undoes what Ctrl-C has interrupted.
begin() {
    command -v git >/dev/null || die "git is missing: the course is in the history of a clone" "apt install git, and ./step again"
    state=$(git rev-parse --git-common-dir 2>/dev/null) && [ -e "$root/.git" ] ||
        die "This directory is no clone, and the course is in the history." "git clone, and ./step there"
    [ "$(git rev-parse --is-shallow-repository)" = false ] ||
        die "This clone is shallow, and the course is in the history." "git fetch --unshallow"
    state=$(cd "$state" && pwd)/step
    [ -n "$(git config user.email)" ] || {
        GIT_AUTHOR_NAME=reader GIT_AUTHOR_EMAIL=reader@localhost
        GIT_COMMITTER_NAME=reader GIT_COMMITTER_EMAIL=reader@localhost
        export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
    }
    find_mine
    if [ -s "$state/moving" ] && [ -e "$mine/.git" ]; then
        in_mine cherry-pick --abort >/dev/null 2>&1 || :
        rm -f "$(in_mine rev-parse --absolute-git-dir)/index.lock"
        in_mine checkout -q -f -B mine "$(cat "$state/moving")" && rm "$state/moving"
    fi
}

check_tools() {
    for tool in make "${CC:-cc}"; do
        command -v "$tool" >/dev/null ||
            die "$tool is missing: install a C compiler and make." \
                "apt install gcc make (on Debian, Ubuntu), and ./step again"
    done
}

# Remembers the edition of this clone, for mine/.
follow_edition() {
    [ ! -e "$state/commits" ] || return 0
    mkdir -p "$state" 2>/dev/null && [ -w "$state" ] ||
        die "$state cannot be written." "git clone . ~/course && cd ~/course && ./step"
    rm -rf "$state/book"
    cp -R docs/book "$state/book"
    awk '/skeleton/ { hash = $2; next } { print substr($1, 10, 2), hash, $2 }' docs/book/tags \
        >"$state/commits.new"
    ./tools/skeleton tags >/dev/null || die "the course's commits cannot be made"
    git update-ref refs/step "$(awk 'END { print $3 }' "$state/commits.new")"
    mv "$state/commits.new" "$state/commits"
}

# Mentions a newer edition, once.
mention_edition() {
    awk '/skeleton/ { hash = $2; next } { print substr($1, 10, 2), hash, $2 }' docs/book/tags |
        cmp -s - "$state/commits" || [ -e "$state/mentioned" ] || {
        : >"$state/mentioned"
        say "(This clone has a newer edition of the course. mine/ goes on with its own.)"
    }
}

skeleton() { # STEP
    awk -v step="$1" '$1 == step { print $2 }' "$state/commits"
}

complete() { # STEP
    awk -v step="$1" '$1 == step { print $3 }' "$state/commits"
}

title() { # STEP
    git log -1 --format=%s "$(complete "$1")" | sed 's/^Step [0-9]*: //'
}

last_step() {
    awk 'END { print $1 }' "$state/commits"
}

following() { # STEP
    printf '%02d' $((${1#0} + 1))
}

# Sets step, the one at hand, and done=1 if it is committed as done. Fails without mine/.
where() {
    [ -e "$mine/.git" ] && [ -e "$state/commits" ] || return 1
    last=$(in_mine log --format=%s | sed -n -e 's/^Step \([0-9]*\), skeleton: .*/begun \1/p' \
        -e 's/^step \([0-9]*\) done$/done \1/p' | head -n 1)
    step=${last#* }
    done=''
    case $last in
        done*) done=1 ;;
        begun*) ;;
        *) die "mine/ is not on a branch of the course." "./step reset NN, with the step's number" ;;
    esac
}

here() {
    where || die "You have not begun yet." "./step start"
}

book() { # STEP: its folder
    for folder in "$state/book/$1"-*; do say "$folder"; done
}

# What the step asks for, as the skeleton's message lists it: PATH FUNCTION LINES.
asked() { # STEP
    git log -1 --format=%b "$(skeleton "$1")" | sed -n 's/^  //p'
}

functions() { # STEP
    awk '!/^[#|!]/ && NF && $2 != "+" { print $2 }' "$(book "$1")/reader"
}

# Another step begins: what graders said counts no more.
forget() {
    rm -f "$state/passed" "$state/failing" "$state/hint"
}

# Whether the step at hand has passed, and nothing was found since.
has_passed() {
    [ "$(cat "$state/passed" 2>/dev/null)" = "$step" ]
}

# A function of mine/, of a skeleton, of the reference: its body.
body() { # PATH FUNCTION
    awk -v name="$2" -v part=body -f "$root/tools/step/function.awk" "$mine/$1" 2>/dev/null
}

body_at() { # COMMIT PATH FUNCTION
    git cat-file blob "$1:$2" | awk -v name="$3" -v part=body -f "$root/tools/step/function.awk"
}

# The commit of mine/ in which the step began, with the reader's own functions of the steps before.
begun_at() { # STEP
    commit=$(in_mine log -1 --format=%H --grep="^Step $1, skeleton: ")
    say "${commit:-$(skeleton "$1")}"
}

# The functions of the step that still are as it began, in the order of its list: PATH FUNCTION.
to_write() { # STEP
    begin_commit=$(begun_at "$1")
    awk '!/^[#|!]/ && NF && $2 != "+" { print $1, $2 }' "$(book "$1")/reader" |
        while read -r path function; do
            [ "$(body "$path" "$function")" != "$(body_at "$begin_commit" "$path" "$function")" ] ||
                say "$path $function"
        done
}

# What to read: the chapter, or without one the comments.
show_chapter() { # STEP
    for chapter in docs/book/"$1"-*/README.md; do
        if [ -e "$chapter" ]; then
            say "read: $chapter"
        else
            say "read: the comments above these functions, and their header (no chapter yet)"
        fi
    done
}

show_step() {
    say "${bold}Step $step: $(title "$step")$plain"
    say "You write, in mine/:"
    show_task
    show_chapter "$step"
    next ./step test
}

# Commits whatever is in mine/. Nothing of the reader's is ever lost.
keep() { # MESSAGE
    in_mine add -A
    in_mine diff --cached --quiet || in_mine commit -q --no-verify -m "$1"
}

# mine/ is about to move: where it is now, all at once or not at all.
begin_move() {
    in_mine rev-parse HEAD >"$state/moving.new" && mv "$state/moving.new" "$state/moving"
}

# Moves mine/ to a commit; the branch mine-N keeps what was there.
move_to() { # COMMIT
    keep "unfinished"
    n=1
    while git rev-parse -q --verify "refs/heads/mine-$n" >/dev/null; do n=$((n + 1)); done
    git branch "mine-$n" mine
    begin_move
    in_mine reset -q --hard "$1"
    rm -f "$state/moving"
    forget
    say "Your work until now is kept on the branch mine-$n."
}

cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# make in a tree, in silence. With a sanitizer nothing is optimized: it builds twice as fast, and
# the graders do not wait for the stack.
make_in() { # TREE SAN-OR-NOTHING TARGET...
    tree=$1 san=$2
    shift 2
    if [ -n "$san" ]; then
        make -s -j "$cores" -C "$tree" SAN="$san" CFLAGS='-O0 -g1' "$@"
    else
        make -s -j "$cores" -C "$tree" "$@"
    fi
}

# Builds graders in mine/. The output is in $state/log.
build() { # SAN-OR-NOTHING STEP...
    san=$1
    shift
    for number; do
        set -- "$@" "${san:+build/$san/}test/step$number.exe"
        shift
    done
    make_in "$mine" "$san" "$@" >"$state/log" 2>&1
}

show_errors() {
    grep -E -A 3 'error|undefined reference' "$state/log" | head -n 12
}

# Prints the step's list.
show_task() {
    asked "$step" | sed 's/^/    /'
}
