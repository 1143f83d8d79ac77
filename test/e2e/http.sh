#!/bin/sh
# httpc.exe and web servers: Python's, and one that sends any file as its answer
#
#   kernel 192.0.2.1 -- tap0 -- 192.0.2.2 httpc.exe

. test/e2e/common
tap_up

get() {
    timeout 60 "$bin/httpc.exe" -q "$@"
}

# refused WORDS ARGS...: status 1, nothing on stdout, and the words in the last line on stderr
refused() {
    words=$1
    shift
    get "$@" >"$tmp/got" 2>"$tmp/err"
    result=$?
    cat "$tmp/err"
    [ $result = 1 ] && [ ! -s "$tmp/got" ] && tail -n 1 "$tmp/err" | grep -q "$words"
}

nowhere_to_write() {
    says "${ok}Content-Length: 5\r\n\r\nhello"
    refused "No such file" -o "$tmp/no/x" $url/x
}

# A real server
mkdir "$tmp/www" "$tmp/www/folder"
head -c 3000000 /dev/urandom >"$tmp/www/random"
: >"$tmp/www/empty"
echo hello >"$tmp/www/folder/index.html"
cat >"$tmp/server.py" <<'PYTHON'
import http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = sys.argv[1]
    def do_GET(self):
        if not self.path.startswith("/chunked"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data, size = open("random", "rb").read(), 1
        while data:
            part, data = data[:size], data[size:]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            size = size * 3 % 20011 + 1
        self.wfile.write(b"0\r\n\r\n")
server = http.server.ThreadingHTTPServer(("192.0.2.1", 8000), Handler)
print("listening", flush=True)
server.serve_forever()
PYTHON

same() {
    get "$1" >"$tmp/got" && cmp "$tmp/got" "$2"
}
into_file() {
    rm -f "$tmp/file"
    get -o "$tmp/file" $url/random >"$tmp/got" && cmp "$tmp/file" "$tmp/www/random" &&
        [ ! -s "$tmp/got" ]
}
file_is_spared() {
    echo old >"$tmp/file"
    refused "404 File not found" -o "$tmp/file" $url/nothing && [ "$(cat "$tmp/file")" = old ]
}
url=http://$host:8000
with_python() {
    cd "$tmp/www" || return 1
    exec python3 "$tmp/server.py" "$1"
}
if python3 -c 'import http.server' 2>/dev/null; then
    for version in HTTP/1.0 HTTP/1.1; do
        serve with_python $version || finish
        check "python3 $version: 3 MB arrive unchanged" same $url/random "$tmp/www/random"
        check "python3 $version: into a file" into_file
        check "python3 $version: an empty file" same $url/empty /dev/null
        check "python3 $version: a folder's page" same $url/folder/ "$tmp/www/folder/index.html"
        check "python3 $version: a query, a fragment" same "$url/empty?a=b&c#d" /dev/null
        check "python3 $version: 404 is status 1, and leaves the file alone" file_is_spared
        check "python3 $version: a redirect is named" refused "301 .*: see /folder/" $url/folder
        [ $version = HTTP/1.0 ] || check "python3 $version: 3 MB in chunks of many sizes" \
            same $url/chunked "$tmp/www/random"
        kill_server
    done
else
    skip_one "there is no python3"
fi

# Answers from a file
says() {
    printf "$@" >"$tmp/answer"
}
# gives TEXT FORMAT: the body of this answer is TEXT
gives() {
    printf "$1" >"$tmp/body"
    shift
    says "$@"
    get $url/x >"$tmp/got" && cmp "$tmp/got" "$tmp/body"
}
# wrong WORDS FORMAT: after this answer, status 1 and the words; stdout may have a part of the body
wrong() {
    words=$1
    shift
    says "$@"
    get $url/x >"$tmp/got" 2>"$tmp/err"
    result=$?
    cat "$tmp/err"
    [ $result = 1 ] && tail -n 1 "$tmp/err" | grep -q "$words"
}
ok='HTTP/1.1 200 OK\r\n'
te='Transfer-Encoding: chunked\r\n\r\n'

answers() {
    check "$1: a length" gives 'hello' "${ok}Content-Length: 5\r\n\r\nhello, and more"
    check "$1: names in any case, blanks around values" \
        gives 'hello' "${ok}cONTENT-lENGTH:\t 5 \r\nX:\r\n\r\nhello"
    check "$1: the same length twice" \
        gives 'hello' "${ok}Content-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhello"
    check "$1: until the server closes" gives 'hello\n' "${ok}\r\nhello\n"
    check "$1: lines that end in a bare LF, and no reason" \
        gives 'hello' 'HTTP/1.0 200\nContent-Length: 5\n\nhello'
    check "$1: chunks with extensions, capitals, leading zeros, and a trailer" \
        gives 'hello, world, 0123' \
        "$ok${te}5;a=b\r\nhello\r\n0008 ; c=\"d\"\r\n, world,\r\n5\r\n 0123\r\n000;e\r\nT: u\r\n\r\n"
    check "$1: a folded line" \
        gives 'hello' "${ok}X: y\r\n Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello"
    check "$1: interim answers (100, 103)" gives 'hello' \
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\n${ok}Content-Length: 5\r\n\r\nhello"
    check "$1: 204 has no body" gives '' 'HTTP/1.1 204 No Content\r\n\r\nhello'
}
serve "$e2e/server.exe" $host 8000 say "$tmp/answer" || finish
answers "whole"
request_is_right() {
    grep -q "^GET /x HTTP/1.1" "$tmp/server.out" && grep -q "^Host: $host:8000" "$tmp/server.out" &&
        grep -q "^Connection: close" "$tmp/server.out"
}
check "the request has method, path, version and Host" request_is_right
# too_long URL: refused before it is sent
too_long() {
    get "$1" >"$tmp/got" 2>"$tmp/err"
    [ $? = 2 ] && grep -q "too long: 2048 bytes at most" "$tmp/err"
}
longest_path() {
    path="?$(head -c 2046 /dev/zero | tr '\0' x)" # the request has a slash before it
    says "${ok}Content-Length: 5\r\n\r\nhello"
    get "$url$path" >"$tmp/got" && grep -q "^GET /$path HTTP/1.1" "$tmp/server.out" &&
        get "$url/$path" >"$tmp/got" && too_long "$url${path}x" && too_long "$url/${path}x"
}
check "the longest path has 2048 bytes" longest_path
check "-o FILE in a missing directory" nowhere_to_write
check "500 is status 1, without its control characters" \
    wrong '500 ?\[2J' 'HTTP/1.1 500 \033[2J\r\n\r\nhello'
check "a redirect without a place is status 1" wrong '302 Found$' 'HTTP/1.1 302 Found\r\n\r\n'

# Malicious servers, and servers of other protocols
check "an empty answer" wrong "closed in the middle" ''
check "no HTTP" wrong "does not speak HTTP" 'SSH-2.0-OpenSSH_9.6\r\n'
check "another HTTP" wrong "does not speak HTTP" 'HTTP/2 200\r\n\r\n'
check "a status of four digits" wrong "does not speak HTTP" 'HTTP/1.1 2000\r\n\r\n'
check "a status below 100" wrong "status is 99" 'HTTP/1.1 099 x\r\n\r\n'
check "a truncated header" wrong "closed in the middle" "${ok}Content-Le"
check "a truncated body" wrong "after 5 of 6 bytes" "${ok}Content-Length: 6\r\n\r\nhello"
check "a truncated chunk" wrong "after 5 of 6 bytes" "$ok${te}6\r\nhello"
check "no last chunk" wrong "closed in the middle" "$ok${te}5\r\nhello\r\n"
check "a truncated trailer" wrong "closed in the middle" "$ok${te}0\r\nT: u\r\n"
check "a chunk's size without a digit" wrong "not a number" "$ok${te}x\r\nhello\r\n0\r\n\r\n"
check "a chunk's size with a sign" wrong "not a number" "$ok${te}-5\r\nhello\r\n0\r\n\r\n"
check "a chunk's size of 17 digits" wrong "not a number" "$ok${te}10000000000000005\r\nhello\r\n"
check "a chunk longer than its size" wrong "longer than it says" "$ok${te}4\r\nhello\r\n0\r\n\r\n"
check "two lengths" wrong "not one number" "${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
check "a negative length" wrong "not one number" "${ok}Content-Length: -1\r\n\r\nhello"
check "a length of 20 digits" wrong "not one number" "${ok}Content-Length: 18446744073709551621\r\n\r\n"
check "a length and chunks" wrong "two ways" "${ok}Content-Length: 5\r\n${te}5\r\nhello\r\n0\r\n\r\n"
check "an unknown coding" wrong "coding" "${ok}Transfer-Encoding: gzip, chunked\r\n\r\n"
check "chunked twice" wrong "coding" "${ok}Transfer-Encoding: chunked\r\n$te"
check "a line without a colon" wrong "no field" "${ok}hello\r\n\r\n"
check "a blank before the colon" wrong "no field" "${ok}Content-Length : 5\r\n\r\nhello"
check "a folded length" wrong "folds" "${ok}Content-Length: 5\r\n , 5\r\n\r\nhello"
check "a zero byte in the header" wrong "zero" "${ok}X: \\0\r\n\r\nhello"
check "a stray CR" wrong "stray CR" "${ok}X: y\rContent-Length: 5\r\n\r\nhello"
check "a switch of protocols" wrong "protocol" 'HTTP/1.1 101 Switching Protocols\r\n\r\n'
check "endless interim answers" wrong "too many" \
    "$(for _ in $(seq 40); do printf 'HTTP/1.1 100 Continue\\r\\n\\r\\n'; done)"
endless() {
    { printf "$1"; yes "$2" | head -c 3000000 | tr -d "$3"; } >"$tmp/answer"
    refused "is too long" $url/x
}
check "an endless header" endless "$ok" 'X: y' ''
check "an endless line" endless "$ok" 'X: y' '\n'
check "an endless chunk's size" endless "$ok$te" '1;' '\n'
check "an endless trailer" endless "$ok${te}0\r\n" 'X: y' ''
kill_server

serve "$e2e/server.exe" $host 8000 drip "$tmp/answer" || finish
answers "byte by byte"
kill_server
serve "$e2e/server.exe" $host 8000 reset || finish
check "a server that resets" refused "broke" $url/x
kill_server
check "no server" refused "refused" $url/x
serve "$e2e/server.exe" $host 8000 echo || finish
check "an echo server" refused "HTTP" $url/x
kill_server
silent() {
    serve "$e2e/server.exe" $host 8000 say "$tmp/endless" || return 1
    begin=$(date +%s)
    refused "for 2 seconds" -t 2 $url/x && [ $(($(date +%s) - begin)) -lt 10 ]
}
check "a silent server: the limit is -t" silent
interrupted() {
    "$bin/httpc.exe" -q $url/x >"$tmp/got" 2>"$tmp/err" &
    sleep 1
    kill -INT $!
    wait $!
    result=$?
    cat "$tmp/err"
    [ $result = 1 ] && [ ! -s "$tmp/err" ]
}
check "SIGINT ends it with status 1" interrupted
kill_server
finish
