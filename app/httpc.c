#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ip.h"
#include "setup.h"
#include "sock.h"
#include "util.h"

/*
 * httpc: an HTTP/1.1 client (RFC 9110, RFC 9112). Sends one GET and prints the body of the answer.
 *
 * One thread connects, sends and receives. main waits for its end, for a signal, or until the
 * server is silent for -t seconds; then it closes the socket, and the thread's call fails.
 * Data: the thread owns all of it but the atomics; main reads `problem` after the join.
 * Limits: the server is not trusted. An answer that violates the RFC or exceeds a limit below is an
 * error. The body has no limit.
 */

#define BUF_SIZE 8192
#define HOST_MAX 21 /* a.b.c.d:port */
/* Limits; exceeding one is an error */
#define URL_PATH_MAX    2048  /* bytes, the query included */
#define HEADER_LINE_MAX 8192  /* bytes of a line of a header, a trailer, or a chunk's size */
#define HEADER_MAX      65536 /* bytes of all headers, and of the trailer */
#define INTERIM_MAX     16    /* 1xx answers before the final one */

struct answer {
    int status;
    char reason[64];
    int has_length, chunked;
    uint64_t length;
    char location[256];
};

static char host[HOST_MAX + 1];
static char path[URL_PATH_MAX + 1];

static int sock;
static struct sockaddr_in peer;
static const char *output; /* -o, or NULL: standard output */

static atomic_int done;    /* the thread has ended */
static atomic_int waiting; /* the thread waits for the server, not for standard output */
static atomic_ullong received;
static char problem[512]; /* the error message; empty: success */

/* Sets problem. Returns -1. */
static int __attribute__((format(printf, 1, 2))) fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(problem, sizeof(problem), fmt, ap);
    va_end(ap);
    return -1;
}

/*
 * The URL
 */

/* Parses http://a.b.c.d[:port][/path][?query]; a fragment is left out of the request. */
static void take_url(struct setup *setup, int count, char *args[])
{
    static const char scheme[] = "http://";
    const char *url = args[0], *rest, *slash;
    char addr[HOST_MAX + 1], *colon;
    size_t len;

    if (count != 1) {
        setup_fail(2, "one URL is needed; for example: %s", setup->example);
    }
    if (strncasecmp(url, scheme, strlen(scheme)) != 0) {
        setup_fail(2, "'%s' does not begin with %s, the only protocol here", url, scheme);
    }
    url += strlen(scheme);
    len = strcspn(url, "/?#");
    rest = url + len;
    if (len > HOST_MAX) {
        setup_fail(2, "'%.*s' is not an address; an address looks like 192.0.2.1", (int)len, url);
    }
    snprintf(host, sizeof(host), "%.*s", (int)len, url);
    len = strcspn(rest, "#");
    slash = *rest == '/' ? "" : "/";
    if (strlen(slash) + len > URL_PATH_MAX) {
        setup_fail(2, "the URL's path is too long: %d bytes at most", URL_PATH_MAX);
    }
    snprintf(path, sizeof(path), "%s%.*s", slash, (int)len, rest);
    for (rest = path; *rest; rest++) {
        if (*rest <= ' ' || *rest > '~') {
            setup_fail(2, "the URL has a character that must be written as %%20 and the like");
        }
    }
    memcpy(addr, host, sizeof(addr));
    colon = strchr(addr, ':');
    if (colon) {
        *colon = '\0';
    }
    setup_take_peer(setup, addr, colon ? colon + 1 : "80");
    setup->addr = host;
}

/*
 * Bytes and lines
 */

static uint8_t buf[BUF_SIZE];
static size_t at, end;    /* in buf: the next byte to read, the end of received bytes */
static size_t header_len; /* bytes read of the header */

/* Receives into buf. Returns the number of bytes, 0 at the end of the stream, or -1. */
static ssize_t fill(void)
{
    ssize_t n;

    atomic_store(&waiting, 1);
    do {
        n = sock_recv(sock, buf, sizeof(buf));
    } while (n == -1 && errno == EINTR);
    atomic_store(&waiting, 0);
    at = 0;
    end = n > 0 ? (size_t)n : 0;
    atomic_fetch_add(&received, end);
    return n == -1 ? fail("the connection broke: %s", strerror(errno)) : n;
}

/* Returns the next byte, or -1, also at the end of the stream. */
static int get(void)
{
    ssize_t n = 1;

    if (at == end) {
        n = fill();
    }
    if (n == 0) {
        fail("the server closed in the middle of its answer");
    }
    return n <= 0 ? -1 : buf[at++];
}

/* Reads a line, ended by CR LF or LF (RFC 9112 2.2), and removes this end. line has
 * HEADER_LINE_MAX + 1 bytes. Returns the line's length, or -1. */
static int get_line(char *line)
{
    int len = 0, c;

    while ((c = get()) != '\n') {
        if (c == -1) {
            return -1;
        }
        if (len == HEADER_LINE_MAX || ++header_len > HEADER_MAX) {
            return fail("the answer's header is too long");
        }
        if (c == '\0') {
            return fail("the answer's header has a zero byte");
        }
        line[len++] = (char)c;
    }
    if (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    line[len] = '\0';
    return strchr(line, '\r') ? fail("the answer's header has a stray CR") : len;
}

/* Copies text of the server for a message, without control characters. */
static void copy_printable(char *dst, size_t size, const char *src)
{
    size_t i;

    for (i = 0; i + 1 < size && src[i]; i++) {
        dst[i] = src[i] >= ' ' && src[i] <= '~' ? src[i] : '?';
    }
    dst[i] = '\0';
}

/*
 * The header
 */

/* RFC 9112 4: HTTP-version SP 3DIGIT SP [reason]. Without a reason, the SP may be missing, too. */
static int parse_status(struct answer *answer, const char *line)
{
    static const char version[] = "HTTP/1.";
    const char *code = line + strlen(version) + 2;

    if (strncmp(line, version, strlen(version)) != 0 || strspn(code - 2, "0123456789") != 1 ||
        code[-1] != ' ' || strspn(code, "0123456789") != 3 || (code[3] && code[3] != ' ')) {
        return fail("the server does not speak HTTP/1");
    }
    answer->status = atoi(code);
    copy_printable(answer->reason, sizeof(answer->reason), code[3] ? code + 4 : "");
    return answer->status < 100 ? fail("the server's status is %d", answer->status) : 0;
}

/* Parses a number at the beginning of text, of at most 15 digits: it cannot overflow. Returns the
 * text after it, or NULL. */
static const char *parse_size(const char *text, int base, uint64_t *size)
{
    size_t len = strspn(text, base == 16 ? "0123456789abcdefABCDEF" : "0123456789");

    if (len == 0 || len > 15) {
        return NULL;
    }
    *size = strtoull(text, NULL, base);
    return text + len;
}

/* RFC 9110 8.6: a list or a second field may repeat the number. Another number is an error. */
static int parse_length(struct answer *answer, const char *value)
{
    uint64_t length;

    for (;;) {
        value = parse_size(value, 10, &length);
        if (!value || (answer->has_length && length != answer->length)) {
            return fail("the answer's Content-Length is not one number");
        }
        answer->has_length = 1;
        answer->length = length;
        value += strspn(value, " \t");
        if (!*value) {
            return 0;
        }
        if (*value++ != ',') {
            return fail("the answer's Content-Length is not one number");
        }
        value += strspn(value, " \t");
    }
}

/* The request accepts no coding but chunked, which needs no TE field (RFC 9110 10.1.4). */
static int parse_coding(struct answer *answer, const char *value)
{
    if (answer->chunked || strcasecmp(value, "chunked") != 0) {
        return fail("the answer's transfer coding is not supported");
    }
    answer->chunked = 1;
    return 0;
}

/* RFC 9112 5: name ":" OWS value OWS. Returns 1 if the field gives the body's length, 0, or -1. */
static int parse_field(struct answer *answer, char *line)
{
    size_t name = strcspn(line, ": \t"), len;
    char *value = line + name + 1;

    if (name == 0 || line[name] != ':') {
        return fail("the answer's header has a line that is no field");
    }
    line[name] = '\0';
    value += strspn(value, " \t");
    for (len = strlen(value); len > 0 && strchr(" \t", value[len - 1]); len--) {
        value[len - 1] = '\0';
    }
    if (strcasecmp(line, "Content-Length") == 0) {
        return parse_length(answer, value) == -1 ? -1 : 1;
    }
    if (strcasecmp(line, "Transfer-Encoding") == 0) {
        return parse_coding(answer, value) == -1 ? -1 : 1;
    }
    if (strcasecmp(line, "Location") == 0) {
        copy_printable(answer->location, sizeof(answer->location), value);
    }
    return 0;
}

/* Reads the fields of a header up to the empty line; answer is NULL for a trailer, which is
 * ignored. A line that begins with a blank continues the field before (RFC 9112 5.2, obsolete): an
 * error if that field gives the body's length. Returns 0, or -1. */
static int get_fields(struct answer *answer)
{
    static char line[HEADER_LINE_MAX + 1];
    int len, matters = 0;

    while ((len = get_line(line)) > 0) {
        if (*line == ' ' || *line == '\t') {
            if (matters) {
                return fail("the answer folds its length field over two lines");
            }
        } else if (answer) {
            matters = parse_field(answer, line);
        }
        if (matters == -1) {
            return -1;
        }
    }
    return len;
}

/* Reads the header of the final answer, and skips 1xx answers before it. Returns 0, or -1. */
static int get_header(struct answer *answer)
{
    static char line[HEADER_LINE_MAX + 1];
    int i;

    for (i = 0; i <= INTERIM_MAX; i++) {
        *answer = (struct answer){.status = 0};
        if (get_line(line) == -1 || parse_status(answer, line) == -1 || get_fields(answer) == -1) {
            return -1;
        }
        if (answer->status == 101) {
            return fail("the server switches to another protocol");
        }
        if (answer->status >= 200) {
            return 0;
        }
    }
    return fail("the server sends too many 1xx answers");
}

/*
 * The body
 */

/* Prints len bytes of the body, or all until the server closes (UINT64_MAX). Returns 0, or -1. */
static int print_body(uint64_t len)
{
    uint64_t left = len;
    size_t part;
    ssize_t n;

    while (left > 0) {
        n = at == end ? fill() : 1;
        if (n == 0 && len == UINT64_MAX) {
            return 0;
        }
        if (n == 0) {
            return fail("the server closed after %llu of %llu bytes",
                        (unsigned long long)(len - left), (unsigned long long)len);
        }
        if (n == -1) {
            return -1;
        }
        part = end - at < left ? end - at : (size_t)left;
        if (setup_write(buf + at, part) == -1) {
            return fail("can't write: %s", strerror(errno));
        }
        at += part;
        left -= part;
    }
    return 0;
}

/* RFC 9112 7.1: chunk-size [chunk-ext] CRLF chunk-data CRLF. The last chunk has size 0 and no data;
 * the trailer follows. */
static int print_chunks(void)
{
    static char line[HEADER_LINE_MAX + 1];
    const char *rest;
    uint64_t size;

    for (;;) {
        header_len = 0; /* the number of chunks has no limit */
        if (get_line(line) == -1) {
            return -1;
        }
        rest = parse_size(line, 16, &size);
        if (!rest || (rest[strspn(rest, " \t")] && rest[strspn(rest, " \t")] != ';')) {
            return fail("a chunk's size is not a number");
        }
        if (size == 0) {
            return get_fields(NULL);
        }
        if (print_body(size) == -1) {
            return -1;
        }
        if (get_line(line) != 0) {
            return *problem ? -1 : fail("a chunk is longer than it says");
        }
    }
}

/* Prints the body. Its length: RFC 9112 6.3. Returns 0, or -1. */
static int get_body(const struct answer *answer)
{
    if (answer->status == 204) {
        return 0;
    }
    if (answer->chunked && answer->has_length) {
        return fail("the answer tells its length in two ways");
    }
    if (answer->chunked) {
        return print_chunks();
    }
    return print_body(answer->has_length ? answer->length : UINT64_MAX);
}

/* Makes the file standard output. Returns 0, or -1. */
static int open_output(void)
{
    int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd == -1 || dup2(fd, STDOUT_FILENO) == -1) {
        return fail("-o '%s': %s", output, strerror(errno));
    }
    close(fd);
    return 0;
}

/*
 * The exchange
 */

static int send_request(void)
{
    static char request[URL_PATH_MAX + 256];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: httpc\r\nAccept: */*\r\n"
             "Connection: close\r\n\r\n",
             path, host);
    if (setup_send(sock, request, strlen(request)) == -1) {
        return fail("the connection broke: %s", strerror(errno));
    }
    return 0;
}

static int make_connection(void)
{
    int err;

    atomic_store(&waiting, 1);
    err = sock_connect(sock, (struct sockaddr *)&peer, sizeof(peer)) == -1 ? errno : 0;
    atomic_store(&waiting, 0);
    atomic_fetch_add(&received, 1);
    if (err == ECONNREFUSED) {
        return fail("%s refused: is a server listening there?", host);
    }
    return err ? fail("can't connect to %s: %s; check the address, -a and -g", host, strerror(err))
               : 0;
}

/* Prints the body of a 2xx answer. Any other is an error, and leaves the output file as it is;
 * redirects are not followed. */
static int exchange(void)
{
    struct answer answer;

    if (make_connection() == -1 || send_request() == -1 || get_header(&answer) == -1) {
        return -1;
    }
    if (answer.status >= 300 && answer.status < 400 && *answer.location) {
        return fail("%d %s: see %s", answer.status, answer.reason, answer.location);
    }
    if (answer.status >= 300) {
        return fail("%d %s", answer.status, answer.reason);
    }
    if (output && open_output() == -1) {
        return -1;
    }
    return get_body(&answer);
}

static void *run(void *arg)
{
    exchange();
    atomic_store(&done, 1);
    setup_wake();
    return arg;
}

/* Waits for the thread's end. The limit is for the server's silence, not for the whole answer. */
static enum setup_event wait_for_answer(unsigned int limit)
{
    enum setup_event event = SETUP_WOKEN;
    unsigned long long before;

    while (!atomic_load(&done) && event != SETUP_SIGNAL) {
        before = atomic_load(&received);
        event = setup_wait(limit);
        if (event == SETUP_TIMEOUT && atomic_load(&waiting) && atomic_load(&received) == before) {
            return event;
        }
    }
    return event == SETUP_SIGNAL ? event : SETUP_WOKEN;
}

int main(int argc, char *argv[])
{
    struct setup setup = {
        .client = 1,
        .take = take_url,
        .usage = "http://addr[:port][/path]",
        .example = "http://192.0.2.1:8000/index.html",
        .about = "Gets a page or file from a web server by HTTP/1.1, and prints it. If the status\n"
                 "of the answer is 300 or more, it prints nothing and exits with 1. Redirects are\n"
                 "not followed.",
    };
    enum setup_event event;
    pthread_t thread;

    setup_start(&setup, argc, argv);
    output = setup.output;
    peer = setup_sockaddr(&setup);
    sock = setup_open_socket(SOCK_STREAM);
    setup_start_thread(&thread, run, NULL);
    event = wait_for_answer(setup.limit);
    sock_close(sock);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    if (event == SETUP_TIMEOUT) {
        setup_fail(1, "nothing from %s for %u seconds: check the address, -i, -a and -g; "
                   "-t waits longer", host, setup.limit);
    }
    if (event == SETUP_WOKEN && *problem) {
        setup_fail(1, "%s", problem);
    }
    return setup_end(event == SETUP_SIGNAL);
}
