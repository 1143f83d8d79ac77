# The reader's functions of this step beside the reference's: `-` is mine, `+` the reference.

begin
here
if ! has_passed && [ -z "$done" ]; then
    printf 'Step %s does not pass yet. Show its solution? [y/N] ' "$step"
    read -r answer || answer=
    case $answer in
        y* | Y*) ;;
        *)
            say
            next "./step hint, or ./step test"
            exit
            ;;
    esac
fi
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

compare() { # PATH FUNCTION
    awk -v name="$2" -v part=body -f tools/step/function.awk "$mine/$1" >"$work/mine"
    git cat-file blob "$(complete "$step"):$1" |
        awk -v name="$2" -v part=body -f tools/step/function.awk >"$work/reference"
    say "$bold$1: $2$plain"
    if cmp -s "$work/mine" "$work/reference"; then
        say "the same"
    else
        diff -U 100 "$work/mine" "$work/reference" | sed 1,3d
    fi
}

awk '!/^[#|!]/ && NF && $2 != "+" { print $1, $2 }' "$(book "$step")/reader" >"$work/functions"
[ $# = 0 ] || grep " $1\$" "$work/functions" >"$work/one" || die "Step $step asks for: $(
    awk '{ printf "%s%s", sep, $2; sep = ", " }' "$work/functions")" "./step answer"
[ $# = 0 ] || mv "$work/one" "$work/functions"
while read -r path function; do
    compare "$path" "$function"
done <"$work/functions"
[ $# != 0 ] || sed -n 's/^\([^#!| ]*\) + \(.*\)/\1: add the line\n+\2/p' "$(book "$step")/reader"
if has_passed; then
    next ./step next
else
    next ./step test
fi
