/* Step 00: the core. Start and stop, and the given parts: log, queue, byte order, checksum. */
#define _GNU_SOURCE /* posix_openpt */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"
#include "net.h"
#include "platform.h"
#include "util.h"

static void in_order(void)
{
    check_int(sim_platform_state(), 0);
    check_int(net_init(), 0);
    check_int(sim_platform_state(), 1);
    check_int(net_run(), 0);
    check_int(sim_platform_state(), 2);
    check_int(net_shutdown(), 0);
    check_int(sim_platform_state(), 0);
    check_int(memory_in_use(), 0);
}

static void not_started(void)
{
    check_error(net_run(), ENETDOWN);
    check_error(net_shutdown(), ENETDOWN);
    check_int(sim_platform_state(), 0);
    check_int(net_init(), 0);
    check_int(net_shutdown(), 0);
    check_int(sim_platform_state(), 0);
}

static void twice(void)
{
    check_int(net_init(), 0);
    check_error(net_init(), EALREADY);
    check_int(sim_platform_state(), 1);
    check_int(net_run(), 0);
    check_error(net_run(), EALREADY);
    check_error(net_init(), EALREADY);
    check_int(sim_platform_state(), 2);
    check_int(net_shutdown(), 0);
    check_error(net_shutdown(), ENETDOWN);
}

static void afresh(void)
{
    for (int life = 0; life < 3; life++) {
        check_int(net_init(), 0);
        check_int(net_run(), 0);
        check_int(net_shutdown(), 0);
        check_int(memory_in_use(), 0);
    }
}

static void init_fails(void)
{
    sim_fail_init(1);
    check_error(net_init(), EAGAIN);
    check_int(sim_platform_state(), 0);
    check_error(net_run(), ENETDOWN);
    check(logged("[E]"));
    sim_fail_init(0);
    check_int(net_init(), 0);
    check_int(net_run(), 0);
}

static void run_fails(void)
{
    check_int(net_init(), 0);
    sim_fail_run(1);
    check_error(net_run(), EAGAIN);
    check(logged("[E]"));
    check_int(sim_platform_state(), 1);
    check_int(net_shutdown(), 0);
    check_int(sim_platform_state(), 0);
}

static void run_again(void)
{
    check_int(net_init(), 0);
    sim_fail_run(1);
    check_error(net_run(), EAGAIN);
    sim_fail_run(0);
    check_int(net_run(), 0);
    check_int(sim_platform_state(), 2);
    check_error(net_run(), EALREADY);
}

static void byte_order(void)
{
    uint16_t n16 = hton16(0x1234);
    uint32_t n32 = hton32(0x12345678);

    check_mem(&n16, "\x12\x34", 2);
    check_mem(&n32, "\x12\x34\x56\x78", 4);
    check_int(ntoh16(n16), 0x1234);
    check_int(ntoh32(n32), 0x12345678);
}

/* The example of RFC 1071 section 3: the words add up to ddf2. */
static const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

static void checksum(void)
{
    static uint8_t ones[65536];
    uint16_t sum = hton16(0x220d); /* the complement of ddf2 */

    check_mem(&(uint16_t){cksum16(rfc1071, sizeof(rfc1071), 0)}, &sum, 2);
    check_int(cksum16(rfc1071, 0, 0), 0xffff);
    memset(ones, 0xff, sizeof(ones));
    check_int(cksum16(ones, sizeof(ones), 0), 0);
    memcpy(ones, rfc1071, sizeof(rfc1071));
    memcpy(ones + sizeof(rfc1071), &sum, 2);
    check_int(cksum16(ones, sizeof(rfc1071) + 2, 0), 0);
}

/* An odd last byte counts as if a zero followed it, even if another byte does (RFC 1071). */
static void checksum_odd(void)
{
    uint8_t buf[16];

    for (size_t align = 0; align < 4; align++) {
        for (size_t len = 1; len <= sizeof(rfc1071); len++) {
            memset(buf, 0xff, sizeof(buf));
            memcpy(buf + align, rfc1071, len);
            uint16_t sum = cksum16(buf + align, len, 0);
            buf[align + len] = 0;
            check_int(sum, cksum16(buf + align, len + len % 2, 0));
        }
    }
    check_int(cksum16("\xab", 1, 0), (uint16_t)~hton16(0xab00));
}

static void checksum_chained(void)
{
    uint8_t buf[101];

    pattern(buf, 0, sizeof(buf));
    for (size_t cut = 0; cut <= sizeof(buf); cut += 2) {
        uint16_t first = ~cksum16(buf, cut, 0);
        uint16_t both = cksum16(buf + cut, sizeof(buf) - cut, first);
        check_int(both, cksum16(buf, sizeof(buf), 0));
    }
}

struct item {
    struct queue_entry entry;
    int n;
};

static void take_note(void *arg, void *entry)
{
    int *sum = arg;

    *sum = *sum * 10 + ((struct item *)entry)->n;
}

static void queue_order(void)
{
    struct item items[] = {{.n = 1}, {.n = 2}, {.n = 3}};
    struct queue_head queue;
    int seen = 0;

    queue_init(&queue);
    for (size_t i = 0; i < countof(items); i++) {
        queue_push(&queue, &items[i]);
    }
    check_int(queue.num, 3);
    queue_foreach(&queue, take_note, &seen);
    check_int(seen, 123);
    check_ptr(queue_peek(&queue), &items[0]);
    for (size_t i = 0; i < countof(items); i++) {
        check_ptr(queue_pop(&queue), &items[i]);
    }
    check_int(queue.num, 0);
}

static void queue_empty(void)
{
    struct item item = {.n = 1};
    struct queue_head queue;

    queue_init(&queue);
    for (int round = 0; round < 2; round++) {
        check(!queue_pop(&queue));
        check(!queue_peek(&queue));
        queue_push(&queue, &item);
        check_ptr(queue_pop(&queue), &item);
    }
    check(!queue_pop(&queue));
    check_int(queue.num, 0);
}

static void log_lines(void)
{
    int evaluated = 0;

    infof("answer=%d", 42);
    check(logged(" [I] log_lines: answer=42 ("));
    check(logged("step00.c:"));
    check_int(log_set_level("warn"), 0);
    log_clear();
    infof("evaluated=%d", ++evaluated);
    warnf("this one is");
    check(logged(" [W] log_lines: this one is ("));
    check_int(logged_times("log_lines"), 1);
    check_int(evaluated, 0);
    check_int(log_set_level("loud"), -1);
}

static void dumps(void)
{
    check_int(log_set_level("debug"), 0);
    log_clear();
    hexdump("ABCDEFGH", 8);
    check_str(log_all(), "");
    check_int(log_set_level("dump"), 0);
    hexdump("ABCDEFGH", 8);
    check(logged("41 42 43 44"));
    check(logged("ABCDEFGH"));
}

#define MANY 3000 /* lines: 200 KB, more than a pipe, a terminal or a socket keeps */

/* Sends the log to fd, as if the program had been started with it as standard error. */
static void log_to(int fd)
{
    fflush(stderr);
    check_int(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    log_set_sink(NULL);
}

static void log_many(int from)
{
    for (int i = 0; i < MANY; i++) {
        infof("line=%d", from + i);
    }
}

/* Checks that the lines are numbered from 0 on, and that a note counts those missing in between. A
 * line that a terminal cut counts as missing, even if it lacks only its end. */
static void check_missing(char *text)
{
    int next = 0, missing = 0, noted = 0, n;

    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        char *number = strstr(line, "line=");

        if (strstr(line, " lines of the log are missing: stderr did not take them")) {
            missing += atoi(line);
            noted = 1;
        } else if (number && strstr(number, ")") && sscanf(number, "line=%d (", &n) == 1) {
            missing -= noted && n == next + missing - 1; /* only its end was cut */
            check_int(n, next + missing);
            next++;
            noted = 0;
        }
    }
    check_cmp(missing, >, 0);
    check_int(next + missing, MANY + 1);
}

/* Is there something to read within 100 ms? */
static int ready(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100) == 1;
}

/* Reads the output so far, which makes room for one more line; logs that line and reads it. */
static void drain(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;

    for (int last = 0; last < 2; last++) {
        while (ready(fd) && (n = read(fd, text + len, size - 1 - len)) > 0) {
            len += (size_t)n;
        }
        if (!last) {
            infof("line=%d", MANY);
        }
    }
    text[len] = '\0';
}

static char seen[1 << 20];

static void pipe_is_full(void)
{
    int fds[2];

    check_int(pipe(fds), 0);
    log_to(fds[1]);
    log_many(0);
    check_int(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    drain(fds[0], seen, sizeof(seen));
    check_missing(seen);
}

static void socket_is_full(void)
{
    int fds[2];

    check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    log_to(fds[1]);
    log_many(0);
    check_int(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    drain(fds[0], seen, sizeof(seen));
    check_missing(seen);
}

static int open_terminal(int *screen)
{
    *screen = posix_openpt(O_RDWR | O_NOCTTY);
    check_cmp(*screen, !=, -1);
    check_int(grantpt(*screen), 0);
    check_int(unlockpt(*screen), 0);
    return open(ptsname(*screen), O_RDWR | O_NOCTTY);
}

static void terminal_is_full(void)
{
    int screen, terminal = open_terminal(&screen);

    log_to(terminal);
    log_many(0);
    check_int(fcntl(terminal, F_GETFL) & O_NONBLOCK, 0);
    drain(screen, seen, sizeof(seen));
    check_missing(seen);
}

static void terminal_is_stopped(void)
{
    int screen, terminal = open_terminal(&screen);

    log_to(terminal);
    infof("line=%d", 0);
    check_int(tcflow(terminal, TCOOFF), 0);
    for (int i = 1; i < MANY; i++) {
        infof("line=%d", i);
    }
    check_int(tcflow(terminal, TCOON), 0);
    drain(screen, seen, sizeof(seen));
    check_missing(seen);
    check_int(strstr(seen, "line=1 (") != NULL, 0);
}

/* The program's own output to the same file keeps its place before and after the log's lines. */
static void log_in_file(void)
{
    FILE *file = tmpfile();
    size_t len;

    log_to(fileno(file));
    dprintf(STDERR_FILENO, "A");
    log_many(0);
    dprintf(STDERR_FILENO, "B");
    log_text("C\n");
    rewind(file);
    len = fread(seen, 1, sizeof(seen) - 1, file);
    seen[len] = '\0';
    check_int(seen[0], 'A');
    check(!strcmp(seen + len - 3, "BC\n"));
    len = 0;
    for (char *line = seen; (line = strstr(line, "line=")); line++) {
        check_int(atoi(line + 5), (int)len++);
    }
    check_int(len, MANY);
}

static size_t waiting(int fd, char *buf, size_t size)
{
    ssize_t n = read(fd, buf, size - 1);

    buf[n < 0 ? 0 : n] = '\0';
    return n < 0 ? 0 : (size_t)n;
}

static void blocks(void)
{
    static const char all[] = "one\ntwo\nthree\nfour\n";
    int fds[2];

    check_int(pipe(fds), 0);
    check_int(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    log_to(fds[1]);
    log_begin();
    log_text("one\n");
    log_begin();
    log_text("two\n");
    log_end();
    log_text("three\n");
    check_int(waiting(fds[0], seen, sizeof(seen)), 0);
    log_text("four\n");
    log_end();
    waiting(fds[0], seen, sizeof(seen));
    check_str(seen, all);
}

/* Lines longer than the limit, and a dump longer than the log's buffer. */
static void long_lines(void)
{
    static char text[10000];
    static uint8_t bytes[2000];
    int fds[2];

    memset(text, 'x', sizeof(text) - 1);
    check_int(pipe(fds), 0);
    log_to(fds[1]);
    infof("text=%s", text);
    log_text("%s", text);
    check_int(log_set_level("dump"), 0);
    hexdump(bytes, sizeof(bytes));
    waiting(fds[0], seen, sizeof(seen));
    check(strstr(seen, "step00.c:"));
    check(strstr(seen, "xxx\n+--"));
    check(strstr(seen, "| 07c0 | 00 00"));
    check_str(seen + strlen(seen) - 21, "+------------------+\n");
}

static void empty_variable(void)
{
    setenv("MICROPS_LOG", "", 1);
    log_init();
    check_str(log_all(), "");
    check_int(log_enabled(LOG_LEVEL_DEBUG), 1);
    setenv("MICROPS_LOG", "loud", 1);
    log_init();
    check(logged("MICROPS_LOG is none of"));
    setenv("MICROPS_LOG", "warn", 1);
    log_init();
    check_int(log_enabled(LOG_LEVEL_WARN), 1);
    check_int(log_enabled(LOG_LEVEL_INFO), 0);
}

BENCH(0,
      {"net_init initializes the platform, net_run runs it, net_shutdown stops it", in_order},
      {"net_run and net_shutdown need net_init first; net_shutdown needs no net_run", not_started},
      {"a second net_init, net_run or net_shutdown is refused", twice},
      {"after a shutdown the stack starts afresh, three times", afresh},
      {"net_init fails if platform_init fails", init_fails},
      {"net_run fails if platform_run fails", run_fails},
      {"after net_run has failed, it can be called again", run_again},
      {"network byte order puts the highest byte first", byte_order},
      {"the checksum of RFC 1071's example is 220d; with it included the sum is zero", checksum},
      {"an odd length is summed as if padded with a zero, at any alignment", checksum_odd},
      {"a checksum computed in two parts equals that of the whole", checksum_chained},
      {"a queue is first in, first out", queue_order},
      {"an empty queue pops NULL, and can be used again", queue_empty},
      {"a log line has level, function, text and place; if off, its arguments are not evaluated",
       log_lines},
      {"hexdump prints at level dump only", dumps},
      {"a full pipe does not block: missing lines are counted and reported", pipe_is_full},
      {"a full socket does not block: missing lines are counted and reported", socket_is_full},
      {"a full terminal, which takes parts of lines, does not block: missing lines are counted",
       terminal_is_full},
      {"a stopped terminal (Ctrl-S) loses lines, and the log says how many", terminal_is_stopped},
      {"a file gets every line, in order with the program's own output", log_in_file},
      {"the lines of a block come out together, those of a nested block too", blocks},
      {"an overlong log line is cut, a long dump is not", long_lines},
      {"an empty MICROPS_LOG counts as unset, a bad one is reported", empty_variable})
