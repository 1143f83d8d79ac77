#!/bin/sh
# install.sh EXE_PREFIX DESTDIR PREFIX: make install. Installs headers, libraries and a file for
# pkg-config below DESTDIR/PREFIX. The headers of platform/linux go into the same directory.

set -eu
exe=$1
prefix=$3
case $prefix in
/*) ;;
*) prefix=$PWD/$prefix ;;
esac
to=$2$prefix

mkdir -p "$to/include/microps/driver" "$to/lib/pkgconfig"
for header in *.h driver/*.h platform/linux/platform.h platform/linux/driver/*.h; do
    grep -q MICROPS_BEGIN "$header" || continue # it is the stack's own
    copy=$to/include/microps/${header#platform/linux/}
    # leaves out the stack's own parts, from an END to the next BEGIN (api.h)
    awk '/^MICROPS_BEGIN$/ { own = 0 }
         !own { print }
         /^MICROPS_END$/ { own = 1 }
         END { if (own) print "\n#endif" }' "$header" >"$copy"
    chmod 644 "$copy"
done
install -m 644 "${exe}libmicrops.a" "$to/lib"
install -m 755 "${exe}libmicrops.so" "$to/lib"
cat >"$to/lib/pkgconfig/microps.pc" <<END
prefix=$prefix
includedir=\${prefix}/include/microps
libdir=\${prefix}/lib

Name: microps
Description: a TCP/IP stack in user space
Version: 3
Cflags: -I\${includedir} -pthread
Libs: -L\${libdir} -lmicrops -pthread
END
