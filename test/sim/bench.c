#define _GNU_SOURCE
#include <ctype.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "net.h"
#include "pcap.h"
#include "sim.h"

/*
 * Behaviours, each in a child process. The parent waits for the child's end and prints its output;
 * when it fails, the parent reports, from memory that both share.
 */

#define SLOW (SIM_SANITIZED ? 6 : 1)

#define CPU_LIMIT     2  /* seconds of computing for a behaviour, if not sanitized */
#define CPU_LIMIT_RUN 10 /* for one of bench_run */
#define WALL_LIMIT    30 /* seconds of real time, on a busy machine */
#define BLOCKED_TIMES 3  /* the limit of computing: seconds of real time without any */

#define PART_MIN 40 /* characters of a title longer than PART_MAX, to select it */
#define PART_MAX 60

#define STEP_MANY_PACKETS 19 /* from here on, packets are a conversation */

struct shared *sim_shared;

struct sim_run sim_run = { .seed = 1 };

static struct {
    int list;
    int all;              /* report each failure */
    const char *part;
    const struct behaviour *behaviours;
    size_t num; /* of them */
    const char *capture;  /* file name */
    const char *captured; /* the behaviour in that file */
    unsigned int passed, failed, not_run;
    int hangs;
    char unwritten[512]; /* ", arp_insert, arp_resolve," */
} run;

/*
 * The log
 */
static char *log_buf;
static size_t log_len;
static size_t log_size;

static void log_sink(const char *text)
{
    size_t len = strlen(text);

    sim_note_log(text);
    if (sim_run.verbose) {
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

void time_limit(unsigned int seconds)
{
    sim_catch(seconds * SLOW);
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
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a crash loses no line */
    pin();
    time_limit(sim_run.alone ? CPU_LIMIT_RUN : CPU_LIMIT);
    if (!sim_run.verbose) {
        unsetenv("MICROPS_LOG");
    }
    sim_seed(sim_run.alone ? sim_run.seed : sim_run.seed ^ hash(b->text));
    sim_baton_init();
    log_set_sink(log_sink);
    b->run();
    check_end();
    fflush(stdout);
    sim_shared->outcome = PASSED;
    _exit(0);
}

/*
 * The parent
 */
static void print_output(FILE *output)
{
    char line[512];

    while (fgets(line, sizeof(line), output)) {
        fputs(line, stdout);
    }
    rewind(output);
}

/* Has the process computed since *before? */
static int computes(pid_t pid, uint64_t *before)
{
    struct timespec used = { 0, 0 };
    uint64_t last = *before;
    clockid_t id;

    if (clock_getcpuclockid(pid, &id) == 0) {
        clock_gettime(id, &used);
    }
    *before = (uint64_t)used.tv_sec * SIM_SECOND + (uint64_t)used.tv_nsec;
    return *before >= last + SIM_MS;
}

/* Waits for the end of the child, which closes the pipe. A child that hangs is asked where, and
 * then killed. Returns its status. */
static int wait_child(pid_t pid, int fd)
{
    struct pollfd pfd = { fd, POLLIN, 0 };
    unsigned int waited = 0, idle = 0;
    uint64_t used = 0;
    int status, ready;

    while ((ready = poll(&pfd, 1, 1000)) == 0 || (ready == -1 && errno == EINTR)) {
        waited++;
        idle = computes(pid, &used) ? 0 : idle + 1;
        if (sim_shared->hangs) {
            kill(pid, SIGKILL);
        } else if (idle > BLOCKED_TIMES * sim_shared->seconds || waited > WALL_LIMIT * SLOW) {
            sim_shared->hangs = waited;
            kill(pid, SIGPROF);
        }
    }
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        ;
    }
    return status;
}

/* Writes the message of a behaviour that has ended in another way than by a check. */
static void explain(int status, FILE *output)
{
    char *text = sim_shared->message, where[256];
    size_t size = sizeof(sim_shared->message);
    const char *task = sim_shared->task;

    sim_where(where, sizeof(where));
    sim_find_step();
    if (sim_shared->hangs) {
        snprintf(text, size, "no end after %u seconds: task %s waits for ever\n%s",
                 sim_shared->hangs, task, where);
    } else if (sim_shared->signal == SIGPROF) {
        snprintf(text, size, "no end after %u seconds of computing: task %s runs for ever\n%s",
                 sim_shared->seconds, task, where);
        sim_shared->hangs = sim_shared->seconds;
    } else if (sim_read_sanitizer(output, text, size)) {
        return;
    } else if (WIFSIGNALED(status)) {
        snprintf(text, size, "crashed in task %s: %s%s\n%s", task, strsignal(WTERMSIG(status)),
                 sim_shared->address < (void *)4096 && sim_shared->signal == SIGSEGV
                     ? ", a NULL pointer" : "", where);
    } else {
        snprintf(text, size, "the process ended in task %s with status %d", task,
                 WEXITSTATUS(status));
    }
    if (!*where && *sim_shared->log) {
        snprintf(text + strlen(text), size - strlen(text), "the last line of the log: %s",
                 sim_shared->log);
    }
}

/* How many behaviours have these first characters of text in their title? */
static int num_with(const char *text, size_t len)
{
    int n = 0;

    for (size_t i = 0; i < run.num; i++) {
        n += memmem(run.behaviours[i].text, strlen(run.behaviours[i].text), text, len) != NULL;
    }
    return n;
}

int sim_part(const char *text)
{
    size_t len = strlen(text);

    for (size_t n = PART_MIN; len > PART_MAX && n < len; n++) {
        if (text[n] == ' ' && num_with(text, n) == 1) {
            return (int)n;
        }
    }
    return (int)len;
}

/* Prints the result, and the report of a failure. */
static void show(const struct behaviour *b, int passed, FILE *output)
{
    printf("%s %02d %s\n", passed ? "ok" : "FAIL", sim_run.step, b->text);
    if (sim_run.verbose || passed) {
        print_output(output);
    }
    if (!passed) {
        sim_report(output);
    }
}

static void clear_shared(void)
{
    memset(sim_shared, 0, sizeof(*sim_shared));
    sim_shared->packets = sim_run.step < STEP_MANY_PACKETS ? 3 : 6;
    snprintf(sim_shared->task, sizeof(sim_shared->task), "main");
}

/* Returns whether the behaviour has passed. */
static int run_one(const struct behaviour *b)
{
    FILE *output;
    int out = memfd_create("bench", 0), fds[2], status, passed;
    pid_t pid;

    if (out == -1 || pipe(fds) == -1 || !(output = fdopen(out, "r"))) {
        perror("bench");
        exit(2);
    }
    clear_shared();
    sim_run.text = b->text;
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child(b, out);
    }
    close(fds[1]);
    status = wait_child(pid, fds[0]);
    close(fds[0]);
    rewind(output);
    passed = sim_shared->outcome == PASSED && status == 0;
    if (!passed && sim_shared->outcome != FAILED) {
        explain(status, output);
    }
    if (sim_run.alone ? !passed : run.all || run.failed == 0) {
        show(b, passed, output);
    }
    fclose(output);
    return passed;
}

#define USAGE "usage: %s [-h] [-a] [-l] [-v] [-s SEED] [-w FILE] [PART OF A TEXT]\n"

static void help(void)
{
    printf(USAGE "\n"
           "Runs the behaviours of this step whose title contains the given part, or all of them.\n"
           "Prints a line for each up to the first failure, a report of that, and how many pass.\n"
           "The exit status is 0 if all do.\n"
           "\n"
           "  -a       reports each failure; also --all\n"
           "  -l       lists the behaviours instead\n"
           "  -v       prints the log of the stack, too; MICROPS_LOG=dump prints every byte\n"
           "  -s SEED  makes other random choices [the variable SEED, or 1]\n"
           "  -w FILE  captures the packets in and out of the stack, for tcpdump -r; of several\n"
           "           behaviours FILE has the last one's\n"
           "  -h       this help\n\n"
           "for example: %s -v -w /tmp/it.pcap '%s'\n",
           sim_run.program, sim_run.program, sim_run.text);
    exit(0);
}

static void wrong_use(const char *fmt, const char *word)
{
    fprintf(stderr, "%s: ", sim_run.program);
    fprintf(stderr, fmt, word);
    fprintf(stderr, "\n" USAGE, sim_run.program);
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
    static const struct option all[] = { { "all", no_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
    const char *seed = getenv("SEED");
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "havls:w:", all, NULL)) != -1) {
        switch (c) {
        case 'h': help(); break;
        case 'a': run.all = 1; break;
        case 'v': sim_run.verbose = 1; break;
        case 'l': run.list = 1; break;
        case 's': seed = optarg; break;
        case 'w': run.capture = optarg; break;
        default: wrong_use("-h explains the options", NULL);
        }
    }
    if (seed && *seed && bench_number(seed, &sim_run.seed) == -1) {
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
    sim_shared = mmap(NULL, sizeof(*sim_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    if (sim_shared == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
}

int bench_run(const struct behaviour *b, uint64_t seed, const struct bench_options *options)
{
    if (!sim_run.alone) {
        share();
    }
    sim_run.alone = 1;
    sim_run.seed = seed;
    sim_run.step = options->step;
    run.capture = options->capture;
    sim_run.program = options->program;
    sim_run.verbose = options->verbose;
    return run_one(b);
}

/* Notes which functions are not written yet. */
static void add_unwritten(void)
{
    char name[sizeof(*sim_shared->unwritten) + 4];
    size_t len = strlen(run.unwritten);

    for (unsigned int i = 0; i < sim_shared->nunwritten; i++) {
        snprintf(name, sizeof(name), ", %s,", sim_shared->unwritten[i]);
        if (!strstr(run.unwritten, name) && len + strlen(name) < sizeof(run.unwritten)) {
            len -= len > 0; /* a comma ends the list */
            len += (size_t)snprintf(run.unwritten + len, sizeof(run.unwritten) - len, "%s", name);
        }
    }
}

/* Lists a behaviour, or runs it and counts the result. After one that hangs, none is run. */
static void take_one(const struct behaviour *b)
{
    if (run.list) {
        printf("%02d %s\n", sim_run.step, b->text);
        run.passed++;
        return;
    }
    if (run.hangs) {
        run.failed++;
        run.not_run++;
        if (run.all) {
            printf("FAIL %02d %s\n    not run\n", sim_run.step, b->text);
        }
        return;
    }
    if (run_one(b)) {
        run.passed++;
    } else {
        run.failed++;
        run.hangs = sim_shared->hangs != 0;
    }
    add_unwritten();
    if (sim_shared->captured) {
        run.captured = b->text;
    }
}

/* What the report of the first failure does not say: `not written yet: arp_cache_insert,
 * arp_resolve; -a reports each`. */
static void print_rest(void)
{
    const char *sep = "";
    size_t len = strlen(run.unwritten);

    if (run.not_run > 0) {
        printf("one hangs: %u not run", run.not_run);
        sep = "; ";
    }
    if (len > 0) {
        printf("%snot written yet: %.*s", sep, (int)len - 3, run.unwritten + 2);
        sep = "; ";
    }
    if (run.failed - run.not_run > 1 && !run.all) {
        printf("%s-a reports each", sep);
        sep = "; ";
    }
    if (*sep) {
        printf("\n");
    }
}

/* Does the command select a behaviour? Its whole title selects no other. */
static int is_selected(const char *text)
{
    for (size_t i = 0; run.part && i < run.num; i++) {
        if (strcmp(run.behaviours[i].text, run.part) == 0) {
            return strcmp(text, run.part) == 0;
        }
    }
    return !run.part || strstr(text, run.part);
}

int bench_main(int step, const struct behaviour *list, size_t num, int argc, char **argv)
{
    size_t i;

    memset(&run, 0, sizeof(run)); /* a child of bench_selftest is a grader of its own */
    sim_run.step = step;
    sim_run.program = argv[0];
    sim_run.text = list[0].text;
    run.behaviours = list;
    run.num = num;
    options(argc, argv);
    share();
    for (i = 0; i < num; i++) {
        if (is_selected(list[i].text)) {
            take_one(&list[i]);
        }
    }
    if (run.passed + run.failed == 0) {
        wrong_use("no behaviour has '%s' in its text: -l lists them", run.part);
    }
    if (run.capture && run.captured) {
        printf("%s: the packets in and out of '%s'\n", run.capture, run.captured);
    } else if (run.capture && !run.list) {
        printf("%s: no packet came or went, so it was not written\n", run.capture);
    }
    if (!run.list) {
        if (run.failed > 0 && run.passed + run.failed > 1) {
            print_rest();
        }
        printf("%u passed, %u failed\n", run.passed, run.failed);
    }
    return run.failed != 0;
}
