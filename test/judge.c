/* The judge, see test/judge/judge.h: runs one trial for each seed, and counts those that held. */

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "judge/judge.h"
#include "util.h"

#define WORKERS_MAX 64
#define SEEDS_MAX   1000000000
#define CAPTURES    10 /* failures of a run that are captured */

/* Results of the trials, in memory shared by all processes. */
struct tally {
    unsigned long held, broke, failed;
    uint64_t hash;
    int whole; /* the last trial delivered every byte */
};

static struct tally *tally; /* of this worker */

static struct {
    const char *program;
    uint64_t from, seeds;
    unsigned int workers;
    int verbose;
    int show; /* print each seed with the hash of its packets */
    const char *capture;
} options = {.from = 1, .seeds = 1000, .workers = 2};

static void run(void)
{
    if (!getenv("MICROPS_LOG")) {
        log_set_level("error");
    }
    tally->whole = trial();
    tally->hash = watch_hash();
}

static void show(uint64_t seed)
{
    printf("seed %llu: %s, trace %016llx\n", (unsigned long long)seed,
           tally->whole ? "every byte" : "a permitted error",
           (unsigned long long)tally->hash);
}

static int try(uint64_t seed, const char *capture)
{
    char text[32];
    struct behaviour behaviour = {text, run};
    struct bench_options how = {46, options.program, capture, options.verbose};

    snprintf(text, sizeof(text), "seed %llu", (unsigned long long)seed);
    fflush(stdout);
    return bench_run(&behaviour, seed, &how);
}

/* Repeats the failed trial, which the seed determines, and captures it. */
static void capture_again(uint64_t seed)
{
    char path[64];
    int out = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY);

    snprintf(path, sizeof(path), "build/judge-%llu.pcap", (unsigned long long)seed);
    printf("    captured in %s\n", path);
    fflush(stdout);
    dup2(nowhere, STDOUT_FILENO);
    try(seed, path);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    close(nowhere);
}

static void run_seed(uint64_t seed)
{
    if (!try(seed, options.capture)) {
        if (tally->failed++ < (CAPTURES + options.workers - 1) / options.workers) {
            capture_again(seed);
        }
        return;
    }
    tally->held++;
    tally->broke += !tally->whole;
    if (options.show) {
        show(seed);
    }
}

/* Runs every options.workers-th seed. */
static void work(unsigned int worker)
{
    uint64_t i;

    setvbuf(stdout, NULL, _IOFBF, 1 << 16); /* keeps the reports of two workers apart */
    tally += worker;
    for (i = worker; i < options.seeds; i += options.workers) {
        run_seed(options.from + i);
    }
}

static void start_workers(void)
{
    unsigned int i;

    for (i = 0; i < options.workers; i++) {
        if (fork() == 0) {
            work(i);
            fflush(stdout);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
        ;
    }
}

static void usage(void)
{
    fprintf(stderr, "usage: %s [-s SEED] [-f FROM] [-n SEEDS] [-j PROCESSES] [-v] [-t] [-w FILE]\n",
            options.program);
    exit(2);
}

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
    uint64_t value;

    if (bench_number(text, &value) == -1 || value < min || value > max) {
        fprintf(stderr, "%s: '%s' is not a number from %llu to %llu\n", options.program, text,
                (unsigned long long)min, (unsigned long long)max);
        usage();
    }
    return value;
}

static void parse(int argc, char **argv)
{
    int c;

    options.program = argv[0];
    while ((c = getopt(argc, argv, "s:f:n:j:vtw:")) != -1) {
        switch (c) {
        case 's':
            options.seeds = options.workers = options.show = 1;
            options.from = number(optarg, 0, UINT64_MAX);
            break;
        case 'f': options.from = number(optarg, 0, UINT64_MAX); break;
        case 'n': options.seeds = number(optarg, 1, SEEDS_MAX); break;
        case 'j': options.workers = (unsigned int)number(optarg, 1, WORKERS_MAX); break;
        case 'v': options.verbose = 1; break;
        case 't': options.show = 1; break;
        case 'w': options.capture = optarg; break;
        default: usage();
        }
    }
    if (optind < argc) {
        usage();
    }
}

int main(int argc, char **argv)
{
    struct tally sum = {0};
    unsigned int i;

    parse(argc, argv);
    tally = mmap(NULL, WORKERS_MAX * sizeof(*tally), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    start_workers();
    for (i = 0; i < options.workers; i++) {
        sum.held += tally[i].held;
        sum.broke += tally[i].broke;
        sum.failed += tally[i].failed;
    }
    printf("%lu of %llu seeds held, %lu of them with a permitted error; %lu failed\n", sum.held,
           (unsigned long long)options.seeds, sum.broke, sum.failed);
    return sum.held != options.seeds;
}
