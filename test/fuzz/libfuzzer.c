#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "util.h"

/*
 * libFuzzer in place of bench.c: no children and no limits, since a run ends in microseconds and
 * the fuzzer itself reports crashes, hangs and leaks. The program's name selects the harness.
 *
 *     make fuzz FUZZ=stream                           fuzzes
 *     build/fuzz/stream.exe FILE                      repeats one run
 *     MICROPS_LOG=debug build/fuzz/stream.exe FILE    and logs it
 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct shared shared;
struct shared *sim_shared = &shared;

static void (*harness)(const uint8_t *data, size_t len);

void sim_doing(const char *file, int line, const char *fmt, ...)
{
    (void)fmt;
    shared.file = file;
    shared.line = line;
}

/* Captures are written by the bench only. */
void sim_capture(const struct packet *p)
{
    (void)p;
}

static void report_packets(void)
{
    char text[512];
    unsigned int n = shared.nhistory, i = n > 8 ? n - 8 : 0;

    for (; i < n; i++) {
        struct record *r = &shared.history[i % SIM_HISTORY];
        struct packet p = { r->data, r->len < SIM_RECORD_MAX ? r->len : SIM_RECORD_MAX, r->net,
                            r->type };

        sim_print(&p, r->dir, text, sizeof(text));
        fprintf(stderr, "    %7llu ms %s  %s\n", (unsigned long long)r->ms,
                r->dir == DIR_IN ? "in " : "out", text);
    }
}

void bench_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: ", file ? file : "?", line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    report_packets();
    abort();
}

void bench_check(int cond, const char *expr, const char *file, int line)
{
    if (!cond) {
        bench_fail(file, line, "does not hold: %s", expr);
    }
}

static void ignore(const char *text)
{
    (void)text;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    harness = strcmp(program_invocation_short_name, "stream.exe") ? fuzz_frame : fuzz_stream;
    if (!getenv("MICROPS_LOG")) {
        log_set_level("error");
        log_set_sink(ignore);
    }
    sim_baton_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    harness(data, len);
    return 0;
}
