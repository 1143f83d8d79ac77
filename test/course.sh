#!/bin/sh
# course.sh: ./step as readers use and misuse it. Each scenario is a function; `course.sh NAME` runs
# those whose name contains NAME.

cd "$(dirname "$0")/.." || exit
. test/course-lib.sh

# A copy of a clone in which ./step start was typed: a copied clone must work.
begun() { # DIRECTORY
    rm -rf "${tmp:?}/$1"
    cp -a "$tmp/begun" "$tmp/$1"
    cd "$tmp/$1" || exit
}

first_steps() {
    begun first
    says 0 'next: ./step test' ./step &&
        says 1 'not written yet: net_run' ./step test &&
        says 1 '^next: ./step hint' ./step test &&
        says 0 'First comes net_run, in net.c' ./step hint &&
        says 0 'next: ./step hint' ./step hint &&
        says 0 'int net_run(void)' ./step hint &&
        says 1 'net_run' ./step next &&
        says 0 'does not pass yet' ./step answer || return
    write_step 00
    says 0 '^next: .*./step next' ./step test &&
        says 0 'net_shutdown: shut down' ./step show &&
        says 0 '^next: ./step next' ./step &&
        says 0 '^the same$' ./step answer net_run &&
        says 0 'Step 01: ' ./step next &&
        says 0 'net_device_open' ./step || return
    write_step 01
    says 0 'Step 02: ' ./step next || return
    write_step 02
    says 0 '^next: .*./step next' ./step test --san &&
        says 0 'Step 03: ' ./step next
}

# What a hint is about: first the function that is missing, later the one where others went wrong.
hints() {
    begun hints
    says 0 'Step 22: ' ./step reset 22 &&
        says 0 'First comes tcp_open_passive, in tcp.c' ./step hint &&
        says 0 "is the user's OPEN" ./step hint &&
        says 0 'tcp_pcb_set_state(____);' ./step hint &&
        git cat-file blob book_step22_complete:tcp.c >mine/tcp.c &&
        (cd mine && git apply ../docs/book/22-*/mistakes/ack-before-reset.patch) || return
    says 0 'It may be tcp_listen, in tcp.c' ./step hint &&
        says 0 'Checks ACK before RST' ./step hint &&
        says 0 'tcp_output_reset(____);' ./step hint &&
        says 0 'ask about another, ./step hint FUNCTION' ./step hint &&
        says 0 '^tcp_output, in tcp.c' ./step hint tcp_output &&
        says 1 'Step 22 asks for: tcp_open_passive' ./step hint tcp_input
}

# Somebody who begins at 14, with bodies that differ everywhere and a helper of his own.
later_start() {
    begun later
    says 0 'kept on the branch mine-1' ./step reset 14 || return
    mark=' //m'
    write_step 14
    mark=
    sed -i 's|^static int arp_request(|static int mine_alone(void)\n{\n    return 1;\n}\n\n&|' mine/arp.c
    sed -i 's|count(stats.requests_sent); //m|if (mine_alone()) count(stats.requests_sent);|' mine/arp.c
    says 0 '^next: .*./step next' ./step test &&
        says 0 'Step 15: ' ./step next &&
        grep -q mine_alone mine/arp.c
}

# ./step next finds an earlier step red: test and hint are about that one, until it passes.
earlier_red() {
    begun earlier
    ./step reset 14 >/dev/null && write_step 14 || return
    says 0 '^next: .*./step next' ./step test || return
    sed -i 's/TYPE_ARP 0x0806/TYPE_ARP 0x0807/' mine/net.h
    says 1 '^next: ./step hint' ./step next && grep -q '^.*Step 1[0-3] fails' "$tmp/out" &&
        says 0 '^FAIL 1[0-3]' ./step hint && says 1 '^FAIL 1[0-3]' ./step test || return
    sed -i 's/TYPE_ARP 0x0807/TYPE_ARP 0x0806/' mine/net.h
    says 0 'Step 1[0-3] passes' ./step test && says 0 '^next: .*./step next' ./step test
}

# The ladder: from where on it differs, and that it is the reference's. The step's program at 10.
ladder() {
    begun ladder
    ./step reset 04 >/dev/null
    says 0 'reference.s exchange goes on differently' ./step show && says 0 '^next: ./step test' ./step || return
    write_step 04
    says 0 '^The same exchange as the reference' ./step show &&
        says 0 'ip_check_hdr: dropped' ./step show -v &&
        ! grep '.\{81\}' "$tmp/out" | grep '|' || return
    sed -i 's/drop(stats.bad_checksum/drop(stats.bad_length/' mine/ip.c
    says 0 'bad_length' ./step show && grep -q 'goes on differently' "$tmp/out" || return
    ./step reset 10 >/dev/null
    says 0 'not written yet' ./step show &&
        says 1 'step show \[' ./step show --tup &&
        ./step reset 22 >/dev/null && write_step 22 &&
        says 0 '| ESTABLISHED  *SYN_RECEIVED |' ./step show &&
        says 0 '^The same exchange' ./step show
}

# The host's own ping, and its own nc. In a machine without such devices only the way around them.
host() {
    begun host
    export WERROR=1
    says 1 'Steps 04 to 10 have --tun' ./step show --tun &&
        says 1 'Steps 11 to 30 have --tap' ./step show --tap || return
    ./step reset 04 >/dev/null
    write_step 04
    says 0 '^No device can be made here (/none: ' env STEP_TUN=/none ./step show --tun &&
        grep -q '^The same exchange' "$tmp/out" || return
    says 0 '^next: ./step test' ./step show --tun || return
    ! grep '^No device can be made here' "$tmp/out" || return 0
    grep -q 'Of 3 datagrams from the host ip_input let 3 pass' "$tmp/out" || return
    sed -i 's/cksum16(data, hlen, 0) != 0/cksum16(data, hlen, 0) == 0/' mine/ip.c
    says 0 'ip_check_hdr: dropped, stats.bad_checksum' ./step show --tun &&
        grep -q 'let 0 pass, and none was answered' "$tmp/out" || return
    ./step reset 09 >/dev/null
    write_step 09
    says 0 'ping was answered: 3 of 3' ./step show --tun -v && grep -q 'vhl: 0x45' "$tmp/out" || return
    ./step reset 13 >/dev/null
    write_step 13
    says 0 '^host: 64 bytes from 192.0.2.2' ./step show --tap || return
    timeout -s INT 2 ./step show --tap >/dev/null 2>&1
    sleep 0.5
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe") in "$tmp/host/"*) echo "$exe runs on"; return 1 ;; esac
    done
    ./step reset 23 >/dev/null
    write_step 23
    says 0 '^host: again' ./step show --tap
}

conflict() {
    begun conflict
    ./step reset 14 >/dev/null
    write_step 14
    sed -i 's/^struct arp_stats/struct  arp_stats/; 1,12s/^#include/# include/' mine/*.c
    ./step next >"$tmp/out" 2>&1
    grep -q 'Step 15 changes lines that you have changed' "$tmp/out" || {
        cat "$tmp/out"
        return 1
    }
    says 0 'next: ./step start' ./step && grep -q '# include' mine/ip.c &&
        says 0 'Step 15: ' ./step reset 15 &&
        git show mine-2:ip.c | grep -q '# include'
}

nothing_is_lost() {
    begun lost
    echo '/* precious */' >>mine/net.c
    echo mine >mine/notes.txt
    says 0 'kept on the branch mine-1' ./step reset 03 &&
        [ "$(git show mine-1:notes.txt)" = mine ] && git show mine-1:net.c | grep -q precious &&
        says 0 'kept on the branch mine-2' ./step reset 03
}

deleted_mine() {
    begun deleted
    echo '/* precious */' >>mine/net.c
    write_step 00
    ./step next >/dev/null 2>&1
    rm -rf mine
    says 0 'is there again' ./step start && says 0 'Step 01' ./step
}

twice() {
    begun twice
    says 0 'next: ./step test' ./step start && says 0 'Step 00' ./step start 0 &&
        says 1 'mine/ is at step 00' ./step start 7 && says 1 'is not the number' ./step start x
}

moved() {
    begun moved
    mv "$tmp/moved" "$tmp/a path with spaces"
    cd "$tmp/a path with spaces" || exit
    write_step 00
    says 0 '^next: .*./step next' ./step test && says 0 'Step 01' ./step next &&
        [ "$(git -C "$tmp/begun/mine" log -1 --format=%s | cut -c1-7)" = 'Step 00' ]
}

hooks_and_signing() {
    begun hooks
    git config commit.gpgSign true
    git config user.signingKey none
    git config gpg.program false
    git config core.autocrlf true
    printf '#!/bin/sh\nexit 1\n' >.git/hooks/pre-commit
    chmod +x .git/hooks/pre-commit
    write_step 00
    says 0 'Step 01' ./step next
}

# Ctrl-C at any moment: tree and branch belong together, and the next call goes on.
interrupted() {
    begun interrupted
    write_step 00
    for delay in 0.05 0.1 0.2 0.4 0.8 1.2 1.6 2 2.4; do
        timeout -s INT "$delay" ./step next >/dev/null 2>&1
        [ -z "$(git -C mine status --porcelain --untracked-files=no)" ] || ./step >/dev/null
        grep -q 'platform_run' mine/net.c || { echo "after $delay s net_run is lost"; return 1; }
    done
    case $(git -C mine log -1 --format=%s) in
        'Step 01, skeleton'*) ;;
        *) says 0 'Step 01' ./step next ;;
    esac
}

# The same for the other commands, each again and again after a longer time.
interrupted_elsewhere() {
    for delay in 0.1 0.3 0.6 1 1.5 2 2.5 3; do
        cd "$tmp" && rm -rf "$tmp/cut"
        git clone -q "$tmp/origin" "$tmp/cut" && cd "$tmp/cut" || exit
        timeout -s INT "$delay" ./step start >/dev/null 2>&1
        says 0 'Step 00: ' ./step start || { echo "start, after $delay s"; return 1; }
    done
    says 0 'hello' sh -c 'rm -rf mine && git worktree prune && git branch -q -D mine && ./step' &&
        says 0 'Step 00: ' ./step start || return
    echo '/* precious */' >>mine/net.c
    for delay in 0.02 0.05 0.1 0.15 0.2 0.3 0.5 0.8; do
        for words in 'reset 07' test hint 'reset 00' answer status; do
            # shellcheck disable=SC2086 # words
            timeout -s INT "$delay" ./step $words >/dev/null 2>&1 </dev/null
        done
        says 0 '^Step 0[07]: ' ./step &&
            [ -z "$(git -C mine status --porcelain --untracked-files=no)" ] ||
            git -C mine diff HEAD | grep -q '^+.*precious' || { echo "after $delay s"; return 1; }
    done
    git log --all --format= -p -- net.c | grep -q '^+.*precious' ||
        grep -q precious mine/net.c || { echo 'work is lost'; return 1; }
    says 0 'Step 03: ' ./step reset 03 && says 1 '^FAIL 03' ./step test
}

# Other shells, NO_COLOR, and a terminal.
machines() {
    begun machines
    for shell in dash 'busybox sh'; do
        command -v "${shell%% *}" >/dev/null || continue
        for words in '' start test hint; do
            # shellcheck disable=SC2086 # words
            says "$([ "$words" = test ] && echo 1 || echo 0)" . $shell ./step $words || return
        done
    done
    command -v script >/dev/null || return 0
    script -qec './step start' /dev/null </dev/null | grep -q "$(printf '\033')" &&
        ! NO_COLOR=1 script -qec './step start' /dev/null </dev/null | grep -q "$(printf '\033')"
}

no_compiler() {
    begun nocc
    mkdir "$tmp/bin"
    for tool in sh git sed awk cat grep; do ln -s "$(command -v $tool)" "$tmp/bin/$tool"; done
    says 1 'is missing: install' env PATH="$tmp/bin" ./step test
}

unwritable() {
    [ "$(id -u)" != 0 ] || return 0 # root writes anywhere
    git clone -q "$tmp/origin" "$tmp/readonly" && cd "$tmp/readonly" && chmod -R a-w . &&
        says 1 'cannot be written' ./step start
}

no_history() {
    git clone -q --depth 1 "file://$tmp/origin" "$tmp/shallow" && cd "$tmp/shallow" &&
        says 1 'git fetch --unshallow' ./step start || return
    mkdir "$tmp/archive"
    git -C "$tmp/origin" archive HEAD | tar -x -m -C "$tmp/archive"
    cd "$tmp/archive" && says 1 'This directory is no clone' ./step start
}

newer_edition() {
    begun newer
    git tag -d book_step05_skeleton >/dev/null
    sed -i 's/^\(book_step05_skeleton\) .*/\1 0000000000000000000000000000000000000000/' docs/book/tags
    says 0 'a newer edition' ./step && says 0 '^next' ./step && ! grep -q newer "$tmp/out" &&
        says 0 'Step 05' ./step reset 05
}

wrong_words() {
    begun words
    says 2 'Is it test?' ./step tset && says 2 'start \[NN\]' ./step frobnicate &&
        says 2 'start' ./step help && says 1 'test \[NN\]' ./step test --al &&
        says 1 'The steps are 00 to' ./step reset 99
}

# A class.
grading() {
    begun grading
    mkdir "$tmp/class"
    submit() { # NAME COMMIT
        mkdir "$tmp/class/$1"
        git archive "$2" | tar -x -m -C "$tmp/class/$1"
        cd "$tmp/class/$1" || exit
    }
    received='^    count(stats.received);'
    (submit right book_step05_complete)
    (submit empty book_step05_skeleton)
    (submit half book_step05_complete && sed -i 's/ip_is_for_us(iface, hdr->dst)/1/' ip.c)
    (submit hanging book_step05_complete && sed -i "s/$received/    for (;;) {\n    }/" ip.c)
    (submit crashing book_step05_complete &&
        sed -i "s/$received/    *(volatile int *)0 = 0;/" ip.c)
    (submit lying book_step05_skeleton && cat >>ip.c <<'END'
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void lie(void)
{
    puts("ok 05 an interface drops datagrams to the address of another [1122-3.3.4.2b]");
    puts("1 passed, 0 failed");
    fflush(stdout);
    _Exit(0);
}
END
    )
    lie() { # NAME STATEMENTS TOP-LEVEL
        (submit "$1" book_step05_skeleton && printf '%s\n' "${3-}" '#include <unistd.h>' \
            '#include <stdio.h>' '#include <stdlib.h>' \
            "__attribute__((constructor)) static void lie(void) { $2 }" >>ip.c)
    }
    lie forging 'puts("ok 05 an interface"); puts("8 passed, 0 failed"); fflush(stdout); _exit(0);'
    lie forking 'if (fork() == 0) for (;;) pause();'
    lie shared '*(int *)sim_shared = 1;' 'extern struct shared *sim_shared;'
    lie replacing '' 'int bench_main(int a, void *b, long c, int d, char **e) { return !a || !b || !c || !d || !e; }'
    (submit printing book_step05_skeleton && sed -i 's|^    return -1;|    puts("ok 05 an interface");&|
        1i #include <stdio.h>' ip.c net.c)
    (submit helping book_step05_complete && echo 'int mine_one(void);' >mine_own.h &&
        printf '#include "mine_own.h"\n\nint mine_one(void)\n{\n    return 1;\n}\n' >mine_own.c &&
        sed -i '1i #include "mine_own.h"' ip.c && sed -i "s/$received/    if (mine_one()) count(stats.received);/" ip.c)
    (submit graders book_step05_skeleton && echo 'int main(void) { return 0; }' >test/step05.c &&
        echo 'test:; true' >Makefile)
    (submit another book_step04_complete)
    mkdir "$tmp/class/nothing"
    (submit broken book_step05_complete && echo 'this is not C' >>ip.c)
    (submit leaking book_step05_complete && sed -i "s/$received/&\n    memory_alloc(10);/" ip.c)
    ./step grade "$tmp/class" 05 >"$tmp/grades" 2>&1 && { echo 'status 0'; return 1; }
    total=$(sed -n 's/^right: \([0-9]*\) of .*/\1/p' "$tmp/grades")
    [ "$total" -gt 0 ] || { cat "$tmp/grades"; return 1; }
    sed 's/ (.*//' "$tmp/grades" | sort >"$tmp/got"
    grep -qx "helping: $total of $total points" "$tmp/got" || { cat "$tmp/grades"; return 1; }
    for name in forging forking shared replacing printing empty hanging lying graders another broken nothing; do
        grep -qx "$name: 0 of $total points" "$tmp/got" || { cat "$tmp/grades"; return 1; }
    done
    for name in half crashing leaking; do
        grep "^$name: " "$tmp/got" | grep -qv ": $total of" || { cat "$tmp/grades"; return 1; }
    done
    ! grep -q '^half: 0 of' "$tmp/got" || return
    cat "$tmp/grades" # shown if what follows fails
    for why in 'forging.*_exit' 'forking.*ip.c uses' 'shared.*sim_shared' 'replacing.*does not compile' \
        'leaking.*fails' 'broken.*does not compile'; do
        grep -q "$why" "$tmp/grades" || { echo "not said: $why"; return 1; }
    done
    says 0 "$total of $total" ./step grade "$tmp/class/right" 5
}

git clone -q "$tmp/origin" "$tmp/begun" && cd "$tmp/begun" || exit
fresh_clone() {
    cd "$tmp/begun" || exit
    says 0 'hello' ./step && says 0 'Step 00: ' ./step start
}
failed=0
for scenario in fresh_clone first_steps hints later_start host conflict nothing_is_lost deleted_mine twice \
    moved hooks_and_signing interrupted interrupted_elsewhere machines no_compiler unwritable no_history newer_edition wrong_words \
    grading earlier_red ladder; do
    case $scenario in
        fresh_clone | *"${1-}"*) ;;
        *) continue ;;
    esac
    if (
        $scenario
    ) >"$tmp/why" 2>&1; then
        echo "ok course: $scenario"
        grep '^No device' "$tmp/why"
    else
        echo "FAIL course: $scenario"
        cat "$tmp/why"
        failed=1
    fi
done
exit $failed
