#!/bin/sh
# The installed library: its names, its headers in C and C++, and programs that use it

. test/e2e/common

case $sanitizer in
address) flags="-fsanitize=address,undefined" ;;
thread) flags="-fsanitize=thread" ;;
*) flags= ;;
esac
CC=${CC-cc}
root=$tmp/root
include=$root/include/microps

# installed FILES...: make install puts them there
installed() {
    make -s install PREFIX="$root" || return 1
    for file in "$@"; do
        [ -f "$root/$file" ] || { echo "$file is missing"; return 1; }
    done
}
check "make install puts headers, libraries and microps.pc below PREFIX" installed lib/libmicrops.a \
    lib/libmicrops.so lib/pkgconfig/microps.pc include/microps/sock.h \
    include/microps/driver/loopback.h include/microps/driver/ether_tap.h

headers=$(cd "$include" && find . -name '*.h' | sed 's,^\./,,' | sort)

# The names that the headers declare: each function and variable begins a line.
for header in $headers; do
    sed 's,^ *\*.*,,; s,/\*.*,,' "$include/$header"
done | awk '
    /^[a-z].*\(/ && !/^(static|typedef)/ { sub(/\(.*/, ""); sub(/.*[ *]/, ""); print }
    /^extern/ { sub(/[;[].*/, ""); sub(/.* /, ""); print }' | sort >"$tmp/declared"

# exports FILE OPTION: exactly these names
exports() {
    nm -g --defined-only $2 "$1" | awk 'NF == 3 { print $3 }' |
        grep -Ev '^(_init|_fini|_edata|_end|__bss_start|__odr_asan.*|__asan.*)$' | sort >"$tmp/exported"
    [ "$(wc -l <"$tmp/exported")" -gt 50 ] && diff "$tmp/declared" "$tmp/exported"
}
check "libmicrops.a exports the names that the headers declare, and no other" \
    exports "$root/lib/libmicrops.a"
check "libmicrops.so exports the same names, and no other" exports "$root/lib/libmicrops.so" -D

# compiles LANGUAGE COMPILER FLAGS <SOURCE: without a warning, with the installed headers
compiles() {
    language=$1
    shift
    (cd "$tmp" && "$@" -x "$language" -fsyntax-only -Wall -Wextra -Werror -I"$include" -pthread -) ||
        { echo "$*"; return 1; }
}

# Each header alone, before and after those of the C library that define addresses.
library='#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <netdb.h>'
headers_in() {
    for header in $headers; do
        echo "#include \"$header\"" | compiles "$@" || return 1
        printf '%s\n#include "%s"\n' "$library" "$header" | compiles "$@" || return 1
        printf '#include "%s"\n%s\n' "$header" "$library" | compiles "$@" || return 1
    done
}
all_headers_in() {
    for header in $headers; do
        echo "#include \"$header\""
    done | compiles "$@"
}
for compiler in gcc clang; do
    if command -v $compiler >/dev/null; then
        check "each header compiles alone and beside the C library's with $compiler" \
            headers_in c $compiler -std=gnu11
    fi
done
for compiler in g++ clang++; do
    if command -v $compiler >/dev/null; then
        check "each header compiles alone and beside the C library's in C++ with $compiler" \
            headers_in c++ $compiler
        check "all headers compile at once in C++ with $compiler" all_headers_in c++ $compiler
    fi
done

# A program with functions of its own that have names of the stack's internal functions.
cat >"$tmp/hello.c" <<'END'
#include <arpa/inet.h>
#include <stdio.h>
#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "sock.h"

void *queue_push(void *queue);
void *queue_push(void *queue)
{
    return queue;
}

int log_init(int level);
int log_init(int level)
{
    return level;
}

int main(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(7)};
    int client, server;
    char buf[32];

    if (net_init() == -1 ||
        ip_iface_register(loopback_init(), ip_iface_alloc("127.0.0.1", "255.0.0.0")) == -1 ||
        net_run() == -1) {
        return 1;
    }
    inet_pton(AF_INET, "127.0.0.1", &addr.sin_addr);
    server = sock_open(PF_INET, SOCK_DGRAM, 0);
    client = sock_open(PF_INET, SOCK_DGRAM, 0);
    sock_bind(server, (struct sockaddr *)&addr, sizeof(addr));
    sock_sendto(client, "hello", 5, (struct sockaddr *)&addr, sizeof(addr));
    printf("%zd bytes came\n", sock_recvfrom(server, buf, sizeof(buf), NULL, NULL));
    return net_shutdown() == 0 && log_init(7) == 7 && queue_push(buf) == buf ? 0 : 1;
}
END

# built COMMAND...: the program builds and runs, and its output is right
built() {
    "$@" -o "$tmp/hello" || return 1
    LD_LIBRARY_PATH=$root/lib "$tmp/hello" >"$tmp/hello.out" 2>"$tmp/hello.err" ||
        { cat "$tmp/hello.err"; return 1; }
    grep -qx '5 bytes came' "$tmp/hello.out"
}
# shellcheck disable=SC2086 # flags is a list of words
check "a program with functions queue_push and log_init of its own links libmicrops.a" \
    built $CC $flags -I"$include" "$tmp/hello.c" "$root/lib/libmicrops.a" -pthread
# shellcheck disable=SC2086
check "the same program links libmicrops.so" \
    built $CC $flags -I"$include" "$tmp/hello.c" -L"$root/lib" -lmicrops -pthread
if command -v pkg-config >/dev/null; then
    export PKG_CONFIG_PATH="$root/lib/pkgconfig"
    # shellcheck disable=SC2046,SC2086
    check "the same program builds with the flags of pkg-config" \
        built $CC $flags "$tmp/hello.c" $(pkg-config --cflags --libs microps)
    # shellcheck disable=SC2046,SC2086
    check "the same program builds with pkg-config --static" built $CC $flags "$tmp/hello.c" \
        $(pkg-config --cflags microps) -Wl,-Bstatic $(pkg-config --static --libs microps) \
        -Wl,-Bdynamic
else
    skip_one "there is no pkg-config"
fi

# In C++, with a library function that has the name of one of our macros.
cat >"$tmp/hello.cc" <<'END'
#include "sock.h"
#include "net.h"
#include "netstat.h"
#include "util.h"
#include <algorithm>
#include <vector>

int main()
{
    std::vector<int> numbers(3, 7);

    if (net_init() == -1 || net_run() == -1 || sock_open(PF_INET, SOCK_STREAM, 0) == -1) {
        return 1;
    }
    log_set_level("error");
    netstat_print();
    return net_shutdown() == 0 && std::count(numbers.begin(), numbers.end(), 7) == 3 ? 0 : 1;
}
END
cplusplus() {
    $1 $flags -I"$include" "$tmp/hello.cc" "$root/lib/libmicrops.a" -pthread -o "$tmp/hello" &&
        "$tmp/hello"
}
if command -v g++ >/dev/null; then
    check "a program in C++ links and runs" cplusplus g++
fi
finish
