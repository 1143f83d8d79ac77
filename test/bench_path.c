/* What the stack makes of a path with a bottleneck, and of one that loses frames: transfers from
 * the stack to itself in virtual time, whose figures are printed as a table. Run by make bench. It
 * measures, and fails only if a transfer does. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "platform.h"
#include "sim.h"
#include "sockets.h"
#include "tcp.h"
#include "util.h"

#define SERVER "192.0.2.2:7"
#define MSS    1460
#define FLOWS  3
#define SEEDS  20 /* unless -n says otherwise */

/* A row of the table. Data flows out, acknowledgments in, over paths of the same rate and delay. */
struct row {
    const char *text;
    double (*figure)(const struct row *row);
    const char *floor;
    struct wire_path path;
    unsigned int flows;
    unsigned int late;     /* the last flow starts so many seconds after the others */
    unsigned int from, to; /* seconds in which bytes are counted */
};

struct flow {
    uint64_t received;
    uint64_t before; /* received when counting began */
};

static const struct row *row;
static struct flow flows[FLOWS];
static int listener;
static double *result; /* in memory that the behaviour's process shares */

/*
 * A transfer without end: both ends stop when main closes their sockets
 */
static int sockets[2 * FLOWS];
static unsigned int num_sockets;

static void keep(int id)
{
    check_cmp(num_sockets, <, countof(sockets));
    sockets[num_sockets++] = id;
}

static void sender(void *arg)
{
    static uint8_t data[1 << 14];
    struct sockaddr_in server = address(SERVER);
    int id = sock_open(PF_INET, SOCK_STREAM, 0);

    (void)arg;
    keep(id);
    check_int(sock_connect(id, SA(&server), sizeof(server)), 0);
    while (sock_send(id, data, sizeof(data)) > 0) {
        ;
    }
}

static void receiver(void *arg)
{
    static uint8_t data[1 << 15];
    struct flow *flow = arg;
    int id = sock_accept(listener, NULL, NULL);
    ssize_t len;

    keep(id);
    while ((len = sock_recv(id, data, sizeof(data))) > 0) {
        flow->received += (size_t)len;
    }
}

static void start(void)
{
    struct wire_path back = row->path;

    if (!getenv("MICROPS_LOG")) {
        log_set_level("error");
    }
    time_limit(60);
    sim_patience = 1000;
    bench_start(WIRE_LOOP);
    listener = listening(SERVER);
    back.loss = 0;
    wire_path(DIR_OUT, &row->path);
    wire_path(DIR_IN, &back);
}

/* The flow starts at a random phase of the stack's timers and of the other flows. */
static void start_flow(struct flow *flow)
{
    advance((long)sim_draw(100));
    task_start("receiver", receiver, flow);
    task_start("sender", sender, flow);
}

static void stop(void)
{
    for (unsigned int i = 0; i < num_sockets; i++) {
        check_int(sock_abort(sockets[i]), 0);
    }
    check_int(sock_close(listener), 0);
    advance(1000);
    wire_pending(1);
}

/* Moves the clock to so many seconds after the start of the first flows. */
static void advance_to(uint64_t begin, unsigned int seconds)
{
    advance((long)((begin + seconds * SIM_SECOND - sim_now) / SIM_MS));
}

static void transfer(void)
{
    unsigned int late = row->late > 0, i;
    uint64_t begin;

    start();
    begin = sim_now;
    for (i = 0; i < row->flows - late; i++) {
        start_flow(&flows[i]);
    }
    if (late) {
        advance_to(begin, row->late);
        start_flow(&flows[i]);
    }
    advance_to(begin, row->from);
    for (i = 0; i < row->flows; i++) {
        flows[i].before = flows[i].received;
    }
    advance_to(begin, row->to);
    *result = row->figure(row);
    stop();
}

/*
 * The figures
 */
static double bytes_of(const struct flow *flow)
{
    return (double)(flow->received - flow->before);
}

/* Data that reached the applications, of what the link could carry: at most 1460 / 1500. */
static double share(const struct row *r)
{
    double sum = 0;

    for (unsigned int i = 0; i < r->flows; i++) {
        sum += bytes_of(&flows[i]);
    }
    return sum * 8 / ((double)r->path.bits_per_s * (r->to - r->from));
}

/* The square root, without libm. */
static double root(double x)
{
    double r = 1;

    for (int i = 0; i < 50; i++) {
        r = (r + x / r) / 2;
    }
    return r;
}

/* Its rate, over 1.22 MSS / (RTT sqrt p): Mathis et al., The macroscopic behavior of TCP. */
static double over_mathis(const struct row *r)
{
    double rtt = 2 * r->path.delay_us / 1e6, p = r->path.loss / 1000.0;

    return bytes_of(&flows[0]) / (r->to - r->from) / (1.22 * MSS / (rtt * root(p)));
}

/* (sum x)^2 / (n sum x^2): 1 if all have the same, 1/n if one has everything. RFC 5166 */
static double jain(const struct row *r)
{
    double sum = 0, squares = 0;

    for (unsigned int i = 0; i < r->flows; i++) {
        sum += bytes_of(&flows[i]);
        squares += bytes_of(&flows[i]) * bytes_of(&flows[i]);
    }
    return squares > 0 ? sum * sum / (r->flows * squares) : 0;
}

#define MBIT UINT64_C(1000000)
#define BDP(mbit, rtt_ms) ((mbit) * 1000 / 8 * (rtt_ms))

static const struct row rows[] = {
    { "RTT 20 ms, 20 Mbit/s, queue of a BDP: share of the rate, 2 to 62 s", share, "0.90",
      { 20 * MBIT, BDP(20, 20), 10000, 0, 0 }, 1, 0, 2, 62 },
    { "the same, queue of a quarter BDP: share of the rate, 10 to 70 s", share, "0.80",
      { 20 * MBIT, BDP(20, 20) / 4, 10000, 0, 0 }, 1, 0, 10, 70 },
    { "RTT 50 ms, 1 % of data lost, no bottleneck: over 1.22 MSS / (RTT sqrt p)", over_mathis,
      "0.7-1.3", { 0, 0, 25000, 0, 10 }, 1, 0, 0, 60 },
    { "RTT 40 ms, 10 Mbit/s, queue of a BDP, two flows: Jain's index, 0 to 60 s", jain, "0.95",
      { 10 * MBIT, BDP(10, 40), 20000, 0, 0 }, 2, 0, 0, 60 },
    { "the same, two flows: their share of the rate, 2 to 60 s", share, "",
      { 10 * MBIT, BDP(10, 40), 20000, 0, 0 }, 2, 0, 2, 60 },
    { "the same, a third flow after 60 s: Jain's index, 90 to 120 s", jain, "0.95",
      { 10 * MBIT, BDP(10, 40), 20000, 0, 0 }, 3, 60, 90, 120 },
};

/*
 * The table
 */
static struct {
    const char *program;
    uint64_t from, seeds;
    int verbose;
} options = { .from = 1, .seeds = SEEDS };

static int compare(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

/* Returns whether all seeds' transfers ran. */
static int print_row(const struct row *r)
{
    const struct behaviour behaviour = { r->text, transfer };
    const struct bench_options how = { 46, options.program, NULL, options.verbose };
    static double figures[1000];
    uint64_t n;

    row = r;
    for (n = 0; n < options.seeds; n++) {
        if (!bench_run(&behaviour, options.from + n, &how)) {
            return 0;
        }
        figures[n] = *result;
    }
    qsort(figures, n, sizeof(*figures), compare);
    printf("| %-74s | %.3f | %.3f-%.3f | %s |\n", r->text,
           (figures[n / 2] + figures[(n - 1) / 2]) / 2, figures[0], figures[n - 1], r->floor);
    fflush(stdout);
    return 1;
}

static void usage(void)
{
    fprintf(stderr, "usage: %s [-f FROM] [-n SEEDS] [-v] [PART OF A ROW'S TEXT]\n",
            options.program);
    exit(2);
}

static void parse(int argc, char **argv)
{
    int c, wrong = 0;

    options.program = argv[0];
    while ((c = getopt(argc, argv, "f:n:v")) != -1) {
        switch (c) {
        case 'f': wrong |= bench_number(optarg, &options.from); break;
        case 'n': wrong |= bench_number(optarg, &options.seeds); break;
        case 'v': options.verbose = 1; break;
        default: usage();
        }
    }
    if (wrong || options.seeds < 1 || options.seeds > 1000 || argc - optind > 1) {
        usage();
    }
}

int main(int argc, char **argv)
{
    int failed = 0;

    parse(argc, argv);
    result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    printf("| %-74s | median of %llu | all | floor |\n| --- | --- | --- | --- |\n", "",
           (unsigned long long)options.seeds);
    for (size_t i = 0; i < countof(rows); i++) {
        if (!argv[optind] || strstr(rows[i].text, argv[optind])) {
            failed |= !print_row(&rows[i]);
        }
    }
    return failed;
}
