# Runs the step's exchange on the reader's stack, and compares it with the reference's. -v: with the
# stack's log. --tun and --tap: this machine is the host.

begin
check_tools
here
verbose='' device=''
for word; do
    case $word in
        -v) verbose=-v ;;
        --tun | --tap) device=${word#--} ;;
        *) die "./step show has no $word." "./step show [-v] [--tun | --tap]" ;;
    esac
done
has_exchange() {
    for show in docs/book/"$step"-*/show.c; do [ -e "$show" ] && return; done
    return 1
}

[ "$step" -le 30 ] || has_exchange ||
    die "Step $step has no exchange: the programs are the demonstration." "cd mine && make demo"

does_not_compile() {
    say "${red}mine/ does not compile:$plain"
    show_errors
    next ./step test
    exit 1
}

what_next() {
    if has_passed; then
        next ./step next
    else
        next ./step test
    fi
}

# Without packets on a wire, the demonstration is test/test.c, for two seconds.
show_program() {
    make -s -C "$mine" test/test.exe >"$state/log" 2>&1 || does_not_compile
    sed -n '/^ \*\//q; s/^ \* \{0,1\}//p' "$mine/test/test.c" | grep -v '^Ctrl-C ends' |
        fold -s -w 79
    say
    trap : INT # it ends the demonstration, which then shuts the stack down
    (trap - INT; cd "$mine" && exec ./test/test.exe) &
    program=$!
    sleep 2
    kill -INT "$program" 2>/dev/null
    wait "$program"
}

# The stack's words for a reason do not matter, and from TCP on the log does not: states show what
# becomes of a segment.
without_reasons() {
    if [ "$step" -lt 20 ]; then
        sed 's/ *\(dropped: [a-z_.]*\).*/ \1/' "$1"
    else
        sed '/| *dropped: /d' "$1"
    fi
}

compare() {
    without_reasons "$state/ladder" >"$state/mine.ladder"
    without_reasons "$folder/ladder" >"$state/reference.ladder"
    if cmp -s "$state/mine.ladder" "$state/reference.ladder"; then
        say "${green}The same exchange as the reference's.$plain"
        return
    fi
    number=$(cmp "$state/mine.ladder" "$state/reference.ladder" 2>&1 | sed -n 's/.* line //p')
    number=${number:-$(($(wc -l <"$state/mine.ladder") + 1))}
    say "${red}The reference's exchange goes on differently:$plain"
    sed -n "$((number > 1 ? number - 1 : 1)),\$p" "$state/reference.ladder" |
        awk 'NR <= 7 { print } NR == 8 { print "          ..." }'
}

[ -z "$device" ] || . "tools/step/show-$device.sh"
folder=$(book "$step")
[ -e "$state/book/show.c" ] || folder=$(echo docs/book/"$step"-*)
if [ -e "$folder/show.c" ]; then
    sh tools/step/ladder.sh "$mine" "$step" "$folder" "$state/show.exe" >"$state/log" 2>&1 ||
        does_not_compile
    awk '/^\/\*/ { text = "" } { text = text $0 "\n" } /^void exchange/ { exit }
         END { sub(/ *\*\/.*/, "", text); gsub(/(^|\n)(\/\*| \*) /, "\n", text)
               print substr(text, 2) }' "$folder/show.c" |
        fold -s -w 79
    say
    "$state/show.exe" $verbose >"$state/ladder" || :
    cat "$state/ladder"
    say
    compare
else
    show_program
    say
fi
what_next
