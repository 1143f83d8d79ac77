# Helps with the behaviour that fails: each call goes one stage further. FUNCTION is asked about
# whatever the report points to.

begin
check_tools
here

at=$(cat "$state/failing" 2>/dev/null)
at=${at:-$step}
[ $# = 0 ] || functions "$at" | grep -q -x -F -e "$1" ||
    die "$(say "Step $at asks for:" "$(functions "$at" | tr '\n' ' ')" | fold -s -w 79)" "./step hint"
if ! build "" "$at"; then
    say "${red}mine/ does not compile:$plain"
    show_errors
    next ./step test
    exit 1
fi
(cd "$mine" && "./test/step$at.exe") >"$state/out" 2>&1 && {
    say "All of step $at passes."
    if [ "$at" = "$step" ]; then next ./step next; else next ./step test; fi
    exit
}
failure=$(grep -m 1 '^FAIL' "$state/out")
behaviour=${failure#FAIL ?? }
# The function with which the behaviour turns green, - if it passes in the skeleton.
turns=$(awk -v title="$behaviour" '{ at = index($0, ": ") }
    substr($0, at + 2) == title { print substr($0, 1, at - 1); exit }' "$(book "$at")/points")

# Does the failure show the whole report of this mistake?
is_known() { # PATCH
    sed -n -e '/^--- /q' -e '/^    /p' "$1" >"$state/report"
    while IFS= read -r line; do
        grep -q -F -e "$line" "$state/out" || return 1
    done <"$state/report"
}

# The mistakes with this failure: those with the same report, or else all.
mistakes() {
    for file in "$(book "$at")"/mistakes/*.patch; do
        [ "$(sed -n '/^FAIL /{p;q;}' "$file" 2>/dev/null)" = "$failure" ] || continue
        if is_known "$file"; then say "1 $file"; else say "2 $file"; fi
    done | sort | awk 'NR == 1 { first = $1 } $1 == first { print substr($0, 3) }'
}

# The function that a patch of the reference changes.
changed_by() { # PATCH
    awk '
        /^--- a/ { path = substr($2, 3) }
        /^@@/ { at = -$2; next }
        at && /^[-+]/ { print path, int(at); exit }
        at { at++ }' "$1" | while read -r path number; do
        git cat-file blob "$(complete "$at"):$path" | awk -v at="$number" '
            /^[A-Za-z_].*[(]/ { name = $0; sub(/[(].*/, "", name); sub(/.*[ *]/, "", name) }
            NR == at { print name; exit }'
    done
}

# Of some functions, the first that the step asks for.
first_asked() { # FUNCTION...
    functions "$at" | while read -r name; do
        case " $* " in *" $name "*) say "$name" && break ;; esac
    done
}

# The function of mine/ at a place that the report names, such as (ip.c:120).
function_at() { # PATTERN
    grep -o -e "$1" "$state/out" | grep -o '[a-z_/]*\.c:[0-9]*' | tail -n 1 | tr : ' ' |
        while read -r file number; do
            awk -v at="$number" '
                /^[A-Za-z_].*[(]/ { name = $0; sub(/[(].*/, "", name); sub(/.*[ *]/, "", name) }
                FNR == at { print name; exit }' "$mine/$file"
        done
}

# Up to the function with which the behaviour turns green, the first that is as the step began.
missing_before() {
    [ "$turns" != - ] || return 0
    functions "$at" | while read -r name; do
        case " $unwritten " in *" $name "*) say "$name" && break ;; esac
        [ "$name" != "$turns" ] || break
    done
}

# The function to look at: the one asked about; or the one that crashes; the next of the list, if the behaviour needs it; one
# that is called and not written; where others made this mistake; or the one with which the
# behaviour turns green. What runs for ever is found at a place that is another one each time.
find_function() {
    unwritten=$(to_write "$at" | sed 's/.* //' | tr '\n' ' ')
    found=$(mistakes)
    known=$(say "$found" | head -n 1)
    # shellcheck disable=SC2046 # names
    called=$(first_asked $(sed -n 's/^    not written yet: //p' "$state/out" | tr -d ,))
    crash=''
    grep -q 'runs for ever' "$state/out" ||
        crash=$(first_asked "$(function_at ' in [a-z_0-9]*, [a-z_/]*\.c:[0-9]*')")
    missing=''
    [ -n "$crash" ] || missing=$(missing_before)
    [ -n "$crash$missing" ] || missing=$called
    function=${missing:-$crash}
    [ -n "$function" ] || [ -z "$known" ] || ! is_known "$known" ||
        function=$(first_asked "$(changed_by "$known")")
    function=${function:-$turns}
    dropped=$(first_asked "$(function_at 'dropped: .*(.*)')")
}

asked=${1:-}
find_function
[ -z "$asked" ] || { function=$asked && missing='' && found=''; }
path=$(awk -v name="$function" '!/^[#|!]/ && ($2 == name || $1 == name) { print $1; exit }' \
    "$(book "$at")/reader")
# The stages begin anew when the report is another.
about="$function: $(sed -n '/^FAIL/,$p' "$state/out" | grep -v '^    in ' | sed -n '1,5p' | cksum)"
stage=1
if [ "$(sed -n 1p "$state/hint" 2>/dev/null)" = "$about" ]; then
    stage=$(($(sed -n 2p "$state/hint") + 1))
    [ "$stage" -le 3 ] || stage=3
fi
printf '%s\n%s\n' "$about" "$stage" >"$state/hint"
say "$red$failure$plain"
say "Hint $stage of 3"

# What docs/conformance.md says of the rules that the title names in brackets: [1122-3.2.1.2] is RFC
# 1122 3.2.1.2, [MUST-22] RFC 9293's.
rules() {
    say "$behaviour" | sed -n 's/.*\[\(.*\)\]$/\1/p' | tr ' ' '\n' | while read -r rule; do
        case $rule in
            [0-9]*-*) rfc="RFC ${rule%%-*} " ;;
            EVENT-14) rfc='' ;;
            MUST-* | SHLD-* | MAY-* | REC-* | EVENT-*) rfc='RFC 9293 ' ;;
            *) continue ;;
        esac
        sed -n "s/^| $rule | \([^|]*\) | [^|]* | \([^|]*\) | .*/The rule: $rfc\1: \2/p" \
            docs/conformance.md
    done
}

# What the skeleton says of the function: the comment above it, or in the header, and the numbered
# checks of the stub.
explanation() {
    source=$(skeleton "$at"):$path
    git cat-file blob "$source" | awk -v name="$function" -v part=comment -f tools/step/function.awk
    git cat-file blob "${source%.c}.h" 2>/dev/null | awk -v name="$function" '
        /^\/[*]/ { above = ""; comment = 1 }
        comment { above = above $0 "\n"; if (/[*]\/$/) comment = 0; next }
        index($0, name "(") && above != "" { printf "%s", above; exit }
        /;$/ || /^$/ { above = "" }'
    git cat-file blob "$source" | awk -v name="$function" -v part=body -f tools/step/function.awk |
        awk '/^ *\/[*] ([0-9]|  )/ { on = 1 } on { sub(/^    /, ""); print } /[*]\/$/ { on = 0 }'
}

# What the chapter says of the function.
chapter() {
    awk -v name="\`$function\`" '
        { heading = /^#/ }
        on && (heading || /^[*][*]/ || /^>/ || (table && title && NF && !/^[|]/)) { exit }
        on && /^[|]/ { table = 1 }
        heading ? index($0, name) : index($0, "**" name "**") == 1 { on = 1; title = heading }
        on && !heading && NF { if (blank) print ""; blank = 0; print; begun = 1 }
        begun && !NF { blank = 1 }' "$(book "$at")/README.md" 2>/dev/null | sed 's/[*][*]//g'
}

# A command that runs the behaviour with its log.
command_for() {
    quote="'"
    case $behaviour in *"'"*) quote='"' ;; esac
    say "cd mine; ./test/step$at.exe -v $quote$behaviour$quote"
}

# The functions of the step that are written, but one.
written_but() { # FUNCTION
    functions "$at" | while read -r name; do
        case " $unwritten $1 " in *" $name "*) ;; *) printf '%s ' "$name" ;; esac
    done
}

show_function() {
    if [ -n "$asked" ]; then
        say "$function, in $path:"
    elif [ -n "$missing" ]; then
        say "First comes $function, in $path:"
    elif [ "$function" = "$turns" ]; then
        say "It turns green with $function, in $path:"
    else
        say "It may be $function, in $path:"
    fi
    explanation | sed 's/^/    /'
    if [ "$at" != "$step" ]; then
        say "It passed before step $step. Look at what you wrote there:" \
            "$(functions "$step" | tr '\n' ' ')" | fold -s -w 79
    elif [ -z "$asked$missing" ] && [ "$function" = "$turns" ]; then
        say "Or the fault is in another of this step: $(written_but "$function")" | fold -s -w 79
        [ "${dropped:-$function}" = "$function" ] ||
            say "(A packet was dropped in $dropped, which may be right.)"
    fi
}

case $stage in
    1)
        rules | fold -s -w 79
        if [ -n "$path" ] && [ "$path" = "$function" ]; then
            say "$path lacks a line, in the table of its kind:"
            sed -n "s/^$path + /    /p" "$(book "$at")/reader"
        elif [ -n "$function" ] && [ "$function" != - ]; then
            show_function
        else
            say "It passes in the skeleton: something that was right has changed."
            say "Written or changed by you, of this step: $(written_but '')" | fold -s -w 79
        fi
        next "./step hint goes on"
        ;;
    2)
        if [ -z "$missing" ] && [ -n "$found" ]; then
            if is_known "$known"; then
                say "Others who saw this had made one of these mistakes:"
            else
                say "Mistakes that this behaviour has found (your report may differ):"
            fi
            say "$found" | while read -r file; do
                sed -n -e '/^$/q' -e 's/^/    /p' "$file"
            done
        elif [ -n "$(chapter)" ]; then
            chapter | sed 's/^./    &/'
            [ -n "$missing" ] || say "And the log may help: $(command_for)"
        else
            say "The log shows what happens:"
            say "    $(command_for)"
        fi
        next "./step hint goes on"
        ;;
    *)
        if [ -n "$path" ] && [ "$function" != "$path" ]; then
            say "$function of the reference, with blanks:"
            body_at "$(skeleton "$at")" "$path" "$function" >"$state/given"
            body_at "$(complete "$at")" "$path" "$function" |
                awk -f tools/step/blanks.awk "$state/given" - | sed 's/^/    /'
            others=$(functions "$at" | grep -v -x -F -e "$function" | tr '\n' ' ')
            [ -z "$others" ] || say "If it is not this one, ask about another, ./step hint FUNCTION:" \
                "$others" | fold -s -w 79
            next "./step answer $function shows it"
        else
            say "What was changed: cd mine; git diff"
            next "./step answer"
        fi
        ;;
esac
