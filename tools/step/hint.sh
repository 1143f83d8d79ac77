# Helps with the behaviour that fails: each call goes one stage further.

begin
check_tools
here

if ! build "" "$step"; then
    say "${red}mine/ does not compile:$plain"
    show_errors
    next ./step test
    exit 1
fi
(cd "$mine" && "./test/step$step.exe") >"$state/out" 2>&1 && {
    say "All of step $step passes."
    next ./step next
    exit
}
failure=$(grep -m 1 '^FAIL' "$state/out")
behaviour=${failure#FAIL ?? }
function=$(grep -F -x -m 1 -e "-: $behaviour" -e "$(grep -F ": $behaviour" "$(book "$step")/points" |
    head -n 1)" "$(book "$step")/points" | sed 's/: .*//')
path=$(awk -v name="$function" '$2 == name || $1 == name { print $1; exit }' "$(book "$step")/reader")
stage=1
if [ "$(sed -n 1p "$state/hint" 2>/dev/null)" = "$behaviour" ]; then
    stage=$(($(sed -n 2p "$state/hint") + 1))
    [ "$stage" -le 3 ] || stage=3
fi
printf '%s\n%s\n' "$behaviour" "$stage" >"$state/hint"
say "$red$failure$plain"

# Where the title names a rule in brackets: [1122-3.2.1.2] is RFC 1122 3.2.1.2, [MUST-22] RFC 9293's.
rules() {
    say "$behaviour" | sed -n 's/.*\[\(.*\)\]$/\1/p' | tr ' ' '\n' | while read -r rule; do
        case $rule in
            [0-9]*-*) say "RFC ${rule%%-*}, ${rule#*-}" ;;
            MUST-* | SHLD-* | MAY-* | REC-* | EVENT-*) say "RFC 9293, $rule" ;;
        esac
    done
}

# What the skeleton says of the function: the comment above it, or in the header, and the numbered
# checks of the stub.
explanation() {
    source=$(skeleton "$step"):$path
    git cat-file blob "$source" | awk -v name="$function" -v part=comment -f tools/step/function.awk
    git cat-file blob "${source%.c}.h" 2>/dev/null | awk -v name="$function" '
        /^$/ { above = "" }
        index($0, name "(") && above != "" { printf "%s", above; exit }
        /^( |[/][*])/ { above = above $0 "\n"; next }
        { above = "" }'
    git cat-file blob "$source" | awk -v name="$function" -v part=body -f tools/step/function.awk |
        sed -n 's/^ *\(\/\* [0-9].*\)/\1/p'
}

# The reference without what it calls, tests, assigns and returns.
with_blanks() {
    git cat-file blob "$(complete "$step"):$path" |
        awk -v name="$function" -v part=body -f tools/step/function.awk |
        sed -e '1!s/^\( *[} a-z]*\) (.*) {$/\1 (____) {/' -e 's/ = .*;$/ = ____;/' \
            -e 's/return ..*;$/return ____;/' -e 's/^\( *[a-z_]*\)(..*);$/\1(____);/' -e 's/^/    /'
}

# What others did who saw this failure.
mistakes() {
    for file in "$(book "$step")"/mistakes/*.patch; do
        [ "$(sed -n '/^FAIL /{p;q;}' "$file" 2>/dev/null)" = "$failure" ] || continue
        sed -n '/^$/q;p' "$file"
        say
    done
}

case $stage in
    1)
        rules | sed 's/^/The rule: /'
        if [ -n "$function" ] && [ "$function" != - ]; then
            say "It turns green with $function, in $path:"
            explanation | sed 's/^/    /'
        else
            say "It passes in the skeleton: something that was right has changed."
        fi
        next "./step hint goes on"
        ;;
    2)
        found=$(mistakes)
        if [ -n "$found" ]; then
            say "Others who saw this had made one of these mistakes:"
            say "$found" | sed 's/^/    /'
        else
            say "Nobody's mistake with this failure is known. The log shows what happens:"
            say "    cd mine; ./test/step$step.exe -v '$behaviour'"
        fi
        next "./step hint shows the lines, with blanks"
        ;;
    *)
        if [ -n "$path" ] && [ "$function" != "$path" ]; then
            say "$function of the reference, with blanks:"
            with_blanks
            next "./step answer $function shows them"
        else
            next "./step answer"
        fi
        ;;
esac
