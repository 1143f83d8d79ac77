# mine/ as a step begins: on the reference of the step before.

begin
wanted=$(pad "$1")
[ -e "$mine/.git" ] || die "You have not begun yet." "./step start $1"
[ -n "$(skeleton "$wanted")" ] || die "The steps are 00 to $(last_step)."
move_to "$(skeleton "$wanted")"
step=$wanted
show_step
