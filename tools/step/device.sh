# What --tun and --tap share.

# compile PROGRAM SOURCE...: to $state, with the output in $state/log.
compile() {
    program=$1
    shift
    "${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra ${WERROR:+-Werror} -pthread -o "$state/$program" "$@" \
        >"$state/log" 2>&1
}

# in_namespace tun|tap COMMAND...: fails where no device can be made, which netns.exe
# says.
in_namespace() {
    status=0
    "$state/netns.exe" "$@" || status=$?
    case $status in
        0) ;;
        77) return 1 ;;
        130) exit 130 ;;
        142)
            say "${red}Your stack has not come back for 10 seconds.$plain"
            next ./step test
            exit 1
            ;;
        *)
            say "${red}The program has failed, with status $status.$plain"
            next ./step test
            exit 1
            ;;
    esac
}

compile netns.exe tools/step/netns.c || die "$(cat "$state/log")"
ping=''
# A shell may have a ping of its own, which a program cannot run.
command -v ping | grep -q / || {
    ping=$state/ping.exe
    compile ping.exe test/e2e/ping.c || die "$(cat "$state/log")"
}
