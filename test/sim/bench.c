#define _GNU_SOURCE
#include <ctype.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "net.h"
#include "pcap.h"
#include "sim.h"

/*
 * Behaviours, each in a child process. The parent waits for the child's end and prints its output;
 * when the child has crashed, the parent reports in its place, from memory that both share.
 */

#define SLOW (SIM_SANITIZED ? 6 : 1)

#define CPU_LIMIT (10 * SLOW)  /* seconds of computing for a behaviour */
#define WALL_LIMIT (30 * SLOW) /* seconds of real time, on a busy machine */
#define LINE_MAX_SHOWN 230
#define LINES_MAX_SHOWN 60

enum outcome { UNKNOWN, PASSED, REPORTED };

struct shared *sim_shared;

static struct {
    int step;
    const char *program;
    uint64_t seed;
    int verbose;
    int list;
    const char *part;
    const char *capture;  /* file name */
    const char *captured; /* the behaviour in that file */
    int alone;           /* for bench_run */
    const char *text; /* of the running behaviour */
    int *outcome;     /* in shared memory */
} run = { .seed = 1 };

/*
 * Reports
 */
void sim_doing(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    sim_shared->file = file;
    sim_shared->line = line;
    sim_shared->what[0] = '\0';
    if (fmt) {
        va_start(ap, fmt);
        vsnprintf(sim_shared->what, sizeof(sim_shared->what), fmt, ap);
        va_end(ap);
    }
}

void bench_context(const char *text, unsigned int packets)
{
    snprintf(sim_shared->context, sizeof(sim_shared->context), "%s", text);
    sim_shared->packets = packets < SIM_HISTORY ? packets : SIM_HISTORY;
}

static void report_packets(void)
{
    static char text[512];
    unsigned int n = sim_shared->nhistory, max = sim_shared->packets, i = n > max ? n - max : 0;

    for (; i < n; i++) {
        struct record *r = &sim_shared->history[i % SIM_HISTORY];
        struct packet p = { r->data, r->len < SIM_RECORD_MAX ? r->len : SIM_RECORD_MAX, r->net,
                            r->type };

        sim_print(&p, r->dir, text, sizeof(text));
        printf("    %7llu ms %s  %.*s\n", (unsigned long long)r->ms,
               r->dir == DIR_IN ? "in " : "out",
               *sim_shared->context ? LINE_MAX_SHOWN / 2 : LINE_MAX_SHOWN, text);
    }
}

static void report_end(void)
{
    const char *quote = strchr(run.text, '\'') ? "\"" : "'";
    char chapter[32];

    if (run.alone) {
        printf("    again: %s -s %llu -v\n", run.program, (unsigned long long)run.seed);
        return;
    }
    snprintf(chapter, sizeof(chapter), "docs/step%02d.md", run.step);
    printf("    again: %s -s %llu -v %s%.60s%s", run.program, (unsigned long long)run.seed, quote,
           run.text, quote);
    printf(access(chapter, R_OK) == 0 ? "; read %s\n" : "\n", chapter);
}

/* message may have several lines; at most four are printed. */
static void report_lines(const char *message)
{
    const char *end;

    for (int lines = 0; *message && lines < 4; message = *end ? end + 1 : end, lines++) {
        end = strchrnul(message, '\n');
        printf("    %.*s\n", (int)(end - message < LINE_MAX_SHOWN ? end - message : LINE_MAX_SHOWN),
               message);
    }
}

/* At most ten lines with the one that the parent prints first, unless there is a context. */
static void report(const char *file, int line, const char *message)
{
    if (file) {
        printf("    %s:%d%s%.*s\n", file, line, *sim_shared->what ? ": " : "", LINE_MAX_SHOWN,
               sim_shared->what);
    }
    report_lines(message);
    report_lines(sim_shared->context);
    report_packets();
    report_end();
}

void bench_fail(const char *file, int line, const char *fmt, ...)
{
    static char message[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (line != sim_shared->line) {
        sim_shared->what[0] = '\0';
    }
    report(file, line, message);
    fflush(stdout);
    *run.outcome = REPORTED;
    _exit(1);
}

/*
 * Checks
 */
void bench_check(int cond, const char *expr, const char *file, int line)
{
    if (!cond) {
        bench_fail(file, line, "does not hold: %s", expr);
    }
}

static const char *error_name(int err)
{
    const char *name = err ? strerrorname_np(err) : "0";

    return name ? name : "?";
}

void bench_check_int(long long got, long long want, const char *expr, const char *file, int line)
{
    int is = errno;

    if (got == want) {
        return;
    }
    if (got == -1) {
        bench_fail(file, line, "%s\nexpected %lld, got -1 (errno is %s)", expr, want,
                   error_name(is));
    }
    bench_fail(file, line, "%s\nexpected %lld (0x%llx), got %lld (0x%llx)", expr, want,
               (unsigned long long)want, got, (unsigned long long)got);
}

void bench_check_str(const char *got, const char *want, const char *expr, const char *file,
                     int line)
{
    if (!got || !want || strcmp(got, want)) {
        bench_fail(file, line, "%s\nexpected \"%s\"\ngot      \"%s\"", expr, want ? want : "(null)",
                   got ? got : "(null)");
    }
}

void bench_check_mem(const void *got, const void *want, size_t len, const char *expr,
                     const char *file, int line)
{
    const uint8_t *a = got, *b = want;
    size_t i;

    for (i = 0; i < len; i++) {
        if (a[i] != b[i]) {
            bench_fail(file, line, "%s\nbyte %zu of %zu expected 0x%02x, got 0x%02x", expr, i, len,
                       b[i], a[i]);
        }
    }
}

void bench_check_error(long long got, int err, const char *expr, const char *file, int line)
{
    int is = errno;

    if (got != -1 || is != err) {
        bench_fail(file, line, "%s\nexpected -1 and %s, got %lld and %s", expr, error_name(err),
                   got, error_name(is));
    }
}

/*
 * The log
 */
static char *log_buf;
static size_t log_len;
static size_t log_size;

static void log_sink(const char *text)
{
    size_t len = strlen(text);

    if (run.verbose) {
        fputs(text, stdout);
    }
    if (log_len + len + 1 > log_size) {
        log_size = (log_len + len + 1) * 2;
        log_buf = realloc(log_buf, log_size);
        if (!log_buf) {
            sim_wrong("out of memory for the log");
        }
    }
    memcpy(log_buf + log_len, text, len + 1);
    log_len += len;
}

const char *log_all(void)
{
    return log_buf ? log_buf : "";
}

void log_clear(void)
{
    log_len = 0;
    if (log_buf) {
        *log_buf = '\0';
    }
}

static size_t times(const char *part, size_t max)
{
    const char *line = log_all(), *at;
    size_t n = 0;

    while (n < max && (at = strstr(line, part))) {
        n++;
        line = strchrnul(at, '\n');
    }
    return n;
}

int logged(const char *part)
{
    return times(part, 1) > 0;
}

size_t logged_times(const char *part)
{
    return times(part, SIZE_MAX);
}

/*
 * The capture, of one kind of link: that of the first packet
 */
void sim_capture(const struct packet *p)
{
    static int fd = -1;
    static size_t net;

    if (!run.capture || (!p->net && p->type != 0x0800)) {
        return;
    }
    if (fd == -1) {
        net = p->net;
        fd = pcap_open(run.capture, net ? PCAP_LINKTYPE_ETHERNET : PCAP_LINKTYPE_RAW);
    }
    sim_shared->captured = 1;
    if (fd == -1 || (p->net == net && pcap_write(fd, clock_wall(), p->data, p->len) == -1)) {
        sim_wrong("%s: %s", run.capture, strerror(errno));
    }
}

/*
 * One behaviour, in the child
 */
static void pin(void)
{
    cpu_set_t set;
    int cpu = sched_getcpu();

    if (cpu >= 0) {
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        sched_setaffinity(0, sizeof(set), &set);
    }
}

static void too_long(int sig)
{
    (void)sig;
    bench_fail(sim_shared->file, sim_shared->line,
               "no end after %d seconds of computing: task %s runs for ever", CPU_LIMIT,
               sim_shared->task);
}

static void limit_time(void)
{
    struct itimerval limit = { { 0, 0 }, { CPU_LIMIT, 0 } };
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = too_long;
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &limit, NULL);
}

/* Checks at the end of every behaviour. */
static void check_end(void)
{
    const char *left;
    char text[512];

    sim_shared->what[0] = '\0';
    settle();
    left = sim_wire_left();
    if (left) {
        sim_wrong("at the end a packet is left that was not expected: %s", left);
    }
    if (sim_platform_state() && net_shutdown() == -1) {
        sim_wrong("net_shutdown failed");
    }
    settle();
    sim_describe_tasks(text, sizeof(text), 4);
    if (*text) {
        sim_wrong("after net_shutdown:\n%s", text);
    }
    if (sim_platform_state()) {
        sim_wrong("net_shutdown has not called platform_shutdown");
    }
    if (sim_device_open()) {
        sim_wrong("after net_shutdown the wire's device is still open");
    }
    sim_check_freed();
    if (memory_in_use()) {
        sim_describe_memory(text, sizeof(text));
        sim_wrong("%zu allocations are left after net_shutdown: %s", memory_in_use(), text);
    }
}

static uint64_t hash(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);

    while (*s) {
        h = (h ^ (uint8_t)*s++) * UINT64_C(1099511628211);
    }
    return h;
}

static void child(const struct behaviour *b, int out)
{
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    pin();
    limit_time();
    if (!run.verbose) {
        unsetenv("MICROPS_LOG");
    }
    sim_seed(run.alone ? run.seed : run.seed ^ hash(b->text));
    sim_baton_init();
    log_set_sink(log_sink);
    b->run();
    check_end();
    fflush(stdout);
    *run.outcome = PASSED;
    _exit(0);
}

/*
 * The parent
 */
static void print_output(int fd)
{
    char line[512];
    FILE *f = fdopen(fd, "r");
    int n = 0;

    if (!f) {
        return;
    }
    rewind(f);
    while (fgets(line, sizeof(line), f) && (run.verbose || n < LINES_MAX_SHOWN)) {
        fputs(line, stdout);
        n += strchr(line, '\n') != NULL;
    }
    fclose(f);
}

/* Waits for the end of the child, which closes the pipe. Returns its status, or -1 if it had to be
 * killed. */
static int wait_child(pid_t pid, int fd)
{
    struct pollfd pfd = { fd, POLLIN, 0 };
    int status, ready;

    do {
        ready = poll(&pfd, 1, WALL_LIMIT * 1000);
    } while (ready == -1 && errno == EINTR);
    if (ready == 0) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        ;
    }
    return ready == 0 ? -1 : status;
}

static void report_death(int status)
{
    char message[256];

    if (status == -1) {
        snprintf(message, sizeof(message), "killed after %d seconds, while task %s ran", WALL_LIMIT,
                 sim_shared->task);
    } else if (WIFSIGNALED(status)) {
        snprintf(message, sizeof(message), "crashed in task %s: %s", sim_shared->task,
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(message, sizeof(message), "the process ended in task %s with status %d",
                 sim_shared->task, WEXITSTATUS(status));
    }
    report(sim_shared->file, sim_shared->line, message);
}

static int run_one(const struct behaviour *b)
{
    int out = memfd_create("bench", 0), fds[2], status, passed;
    pid_t pid;

    if (out == -1 || pipe(fds) == -1) {
        perror("bench");
        exit(2);
    }
    memset(sim_shared, 0, sizeof(*sim_shared));
    sim_shared->packets = 3;
    snprintf(sim_shared->task, sizeof(sim_shared->task), "main");
    *run.outcome = UNKNOWN;
    run.text = b->text;
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child(b, out);
    }
    close(fds[1]);
    status = pid == -1 ? -1 : wait_child(pid, fds[0]);
    close(fds[0]);
    passed = *run.outcome == PASSED && status == 0;
    if (!run.alone || !passed) {
        printf("%s %02d %s\n", passed ? "ok" : "FAIL", run.step, b->text);
    }
    if (*run.outcome == UNKNOWN || (*run.outcome == PASSED && status)) {
        report_death(status);
    }
    print_output(out);
    return passed;
}

#define USAGE "usage: %s [-h] [-l] [-v] [-s SEED] [-w FILE] [PART OF A TEXT]\n"

static void help(void)
{
    printf(USAGE "\n"
           "Runs the behaviours of this step whose title contains the given part, or all of them.\n"
           "Prints a line for each and how many passed. The exit status is 0 if all did.\n"
           "\n"
           "  -l       lists the behaviours instead\n"
           "  -v       prints the log of the stack, too; MICROPS_LOG=dump prints every byte\n"
           "  -s SEED  makes other random choices [the variable SEED, or 1]\n"
           "  -w FILE  captures the packets in and out of the stack, for tcpdump -r; of several\n"
           "           behaviours FILE has the last one's\n"
           "  -h       this help\n\n"
           "for example: %s -v -w /tmp/it.pcap '%s'\n",
           run.program, run.program, run.text);
    exit(0);
}

static void wrong_use(const char *fmt, const char *word)
{
    fprintf(stderr, "%s: ", run.program);
    fprintf(stderr, fmt, word);
    fprintf(stderr, "\n" USAGE, run.program);
    exit(2);
}

int bench_number(const char *text, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 0);
    return isdigit((unsigned char)*text) && !*end && !errno ? 0 : -1;
}

static void options(int argc, char **argv)
{
    const char *seed = getenv("SEED");
    int c;

    optind = 1; /* a child of bench_selftest is a grader of its own */
    while ((c = getopt(argc, argv, "hvls:w:")) != -1) {
        switch (c) {
        case 'h': help(); break;
        case 'v': run.verbose = 1; break;
        case 'l': run.list = 1; break;
        case 's': seed = optarg; break;
        case 'w': run.capture = optarg; break;
        default: wrong_use("-h explains the options", NULL);
        }
    }
    if (seed && *seed && bench_number(seed, &run.seed) == -1) {
        wrong_use("the seed '%s' is not a number", seed);
    }
    if (argc - optind > 1) {
        wrong_use("'%s' is one word too many: a part with blanks stands in quotes",
                  argv[optind + 1]);
    }
    run.part = argv[optind];
}

static void share(void)
{
    size_t size = (sizeof(*sim_shared) + 63) & ~(size_t)63;

    sim_shared = mmap(NULL, size + sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    if (sim_shared == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    run.outcome = (int *)(void *)((char *)sim_shared + size);
}

int bench_run(const struct behaviour *b, uint64_t seed, const struct bench_options *options)
{
    if (!run.alone) {
        share();
    }
    run.alone = 1;
    run.seed = seed;
    run.step = options->step;
    run.capture = options->capture;
    run.program = options->program;
    run.verbose = options->verbose;
    return run_one(b);
}

/* Lists a behaviour, or runs it and counts the result. */
static void take_one(const struct behaviour *b, unsigned int counts[2])
{
    if (run.list) {
        printf("%02d %s\n", run.step, b->text);
        counts[1]++;
        return;
    }
    counts[run_one(b)]++;
    if (sim_shared->captured) {
        run.captured = b->text;
    }
}

int bench_main(int step, const struct behaviour *list, size_t num, int argc, char **argv)
{
    unsigned int counts[2] = {0, 0}; /* failed and passed */
    size_t i;

    run.step = step;
    run.program = argv[0];
    run.text = list[0].text;
    options(argc, argv);
    share();
    for (i = 0; i < num; i++) {
        if (!run.part || strstr(list[i].text, run.part)) {
            take_one(&list[i], counts);
        }
    }
    if (counts[0] + counts[1] == 0) {
        wrong_use("no behaviour has '%s' in its text: -l lists them", run.part);
    }
    if (run.capture && run.captured) {
        printf("%s: the packets in and out of '%s'\n", run.capture, run.captured);
    } else if (run.capture && !run.list) {
        printf("%s: no packet came or went, so it was not written\n", run.capture);
    }
    if (!run.list) {
        printf("%u passed, %u failed\n", counts[1], counts[0]);
    }
    return counts[0] != 0;
}
