# Begins the course at a step, or goes on to the next.

begin
check_tools

# The clone has no mine/, or it was deleted.
if ! where; then
    if git rev-parse -q --verify refs/heads/mine >/dev/null && [ -e "$state/commits" ]; then
        git worktree prune
        git worktree add -q mine mine || exit
        say "mine/ is there again, as you last committed it."
        where
        show_step
        exit
    fi
    follow_edition
    step=$(pad "${1:-0}")
    [ -n "$(skeleton "$step")" ] || die "The steps are 00 to $(last_step)."
    git worktree prune
    git worktree add -q -b mine mine "$(skeleton "$step")" || exit
    show_step
    exit
fi

if { [ $# = 0 ] && [ -z "$done" ]; } || { [ $# = 1 ] && [ "$(pad "$1")" = "$step" ]; }; then
    show_step
    exit
fi
wanted=$(following "$step")
[ $# = 0 ] || [ "$(pad "$1")" = "$wanted" ] ||
    die "mine/ is at step $step. reset leaves it for another." "./step reset $(pad "$1")"
[ -n "$done" ] || die "Step $step is not done." "./step next, which checks and commits it"
[ -n "$(skeleton "$wanted")" ] || die "Step $step was the last. The stack is yours."
keep "after step $step"

# From 31 on each step begins with the reference of the step before.
if [ "$wanted" -gt 30 ]; then
    move_to "$(skeleton "$wanted")"
    step=$wanted
    show_step
    exit
fi

begin_move
if ! in_mine cherry-pick --allow-empty "$(skeleton "$wanted")" >"$state/log" 2>&1; then
    files=$(in_mine diff --name-only --diff-filter=U)
    in_mine cherry-pick --abort
    rm -f "$state/moving"
    say "Step $wanted changes lines that you have changed, too, in"
    say "$files" | sed 's/^/    /'
    say "Nothing has happened yet. ./step reset $wanted takes the reference of step $step"
    say "instead; your own stays on a branch."
    next "./step reset $wanted, or change these lines and ./step next"
    exit 1
fi
rm -f "$state/moving"
forget
step=$wanted
show_step
