#define _GNU_SOURCE
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "sim.h"

/*
 * Checks, and the report of a failure: by the parent, from the memory that both share, so that the
 * child may crash or hang anywhere.
 */

#define LINE_MAX_SHOWN  230
#define LINES_MAX       12 /* of a report, with the line that names the behaviour */
#define LINES_MAX_LARGE 60 /* with a context */

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

/* Does `got op limit` hold? The operator is one of < <= > >= != */
static int holds(long long got, const char *op, long long limit)
{
    if (got == limit) {
        return op[0] != '!' && op[1] == '=';
    }
    return op[0] == '!' || (op[0] == '<') == (got < limit);
}

void bench_check_cmp(long long got, const char *op, long long limit, const char *expr,
                     const char *limit_expr, const char *file, int line)
{
    const char *error = got == -1 ? error_name(errno) : NULL;
    char text[256];

    if (holds(got, op, limit)) {
        return;
    }
    snprintf(text, sizeof(text), "%s is %lld%s%s%s", expr, got, error ? " (errno is " : "",
             error ? error : "", error ? ")" : "");
    if (limit_expr[strspn(limit_expr, "-0123456789")]) { /* not just a number */
        bench_fail(file, line, "does not hold: %s %s %s\n%s, %s is %lld", expr, op, limit_expr,
                   text, limit_expr, limit);
    }
    bench_fail(file, line, "does not hold: %s %s %s\n%s", expr, op, limit_expr, text);
}

void bench_check_logged(const char *part, const char *file, int line)
{
    int key = (int)strcspn(part, ":") + 1;
    char start[64];
    const char *at;

    if (logged(part)) {
        return;
    }
    snprintf(start, sizeof(start), "%.*s", key, part);
    at = strstr(log_all(), start);
    if (!at) {
        bench_fail(file, line, "the log lacks \"%s\"", part);
    }
    bench_fail(file, line, "expected in the log \"%s\"\ngot                 \"%.*s\"", part,
               (int)strcspn(at, "\n"), at);
}

void bench_check_range(long long got, long long min, long long max, const char *expr,
                       const char *file, int line)
{
    if (got < min || got > max) {
        bench_fail(file, line, "%s\nexpected %lld to %lld, got %lld", expr, min, max, got);
    }
}

void bench_check_ptr(const void *got, const void *want, const char *expr, const char *want_expr,
                     const char *file, int line)
{
    if (got != want) {
        bench_fail(file, line, "%s\nexpected %s, got %s", expr, want_expr,
                   got ? "another pointer" : "NULL");
    }
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
 * The step in progress, and the end of the behaviour
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

void bench_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(sim_shared->message, sizeof(sim_shared->message), fmt, ap);
    va_end(ap);
    if (line != sim_shared->line) {
        sim_shared->what[0] = '\0';
    }
    sim_shared->file = file;
    sim_shared->line = line;
    sim_shared->outcome = FAILED;
    fflush(stdout);
    _exit(1);
}

/*
 * The report
 */
static int lines_left;

/* Prints a line, of which long ones are cut, while there is room for one. */
static void line(const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (lines_left > 0) {
        lines_left--;
        printf("    %.*s\n", LINE_MAX_SHOWN, text);
    }
}

/* At most four lines of text are printed. */
static void several_lines(const char *text)
{
    const char *end;

    for (int lines = 0; *text && lines < 4; text = *end ? end + 1 : end, lines++) {
        end = strchrnul(text, '\n');
        line("%.*s", (int)(end - text), text);
    }
}

/* The faults injected last, in one line. A fault in the line of the step is not repeated. */
static void report_faults(void)
{
    int first = strncmp(sim_shared->what, "inject_with", 11) ? FAULT_PACKET : FAULT_PACKET + 1;
    char text[FAULT_NUM * 164] = "";
    size_t len = 0;

    for (int i = first; i < FAULT_NUM; i++) {
        if (*sim_shared->fault[i]) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "; " : "",
                                    sim_shared->fault[i]);
        }
    }
    if (len > 0) {
        line("fault: %s", text);
    }
}

/* The packets dropped since the last one came in, or else the one dropped last. */
static void report_drops(void)
{
    unsigned int n = sim_shared->ndrops, begin = sim_shared->ndrops_before;

    if (n == begin) {
        if (n > 0) {
            line("dropped earlier: %s", sim_shared->drops[(n - 1) % SIM_DROPS]);
        }
        return;
    }
    for (unsigned int i = n - begin > SIM_DROPS ? n - SIM_DROPS : begin; i < n; i++) {
        line("dropped: %s", sim_shared->drops[i % SIM_DROPS]);
    }
}

static void report_allocation(void)
{
    char where[256];

    if (sim_shared->allocation == 0) {
        return;
    }
    sim_where(where, sizeof(where));
    if (*where) {
        line("allocation no. %lu was made %s", sim_shared->allocation, where);
    }
}

static void report_unwritten(void)
{
    char text[SIM_NAMES * 50] = "";
    size_t len = 0;

    for (unsigned int i = 0; i < sim_shared->nunwritten; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? ", " : "",
                                sim_shared->unwritten[i]);
    }
    if (len > 0) {
        line("not written yet: %s", text);
    }
}

static void report_packets(void)
{
    static char text[512];
    unsigned int n = sim_shared->nhistory, max = sim_shared->packets, i;

    max = max < (unsigned int)lines_left ? max : (unsigned int)lines_left;
    for (i = n > max ? n - max : 0; i < n; i++) {
        struct record *r = &sim_shared->history[i % SIM_HISTORY];
        struct packet p = { r->data, r->len < SIM_RECORD_MAX ? r->len : SIM_RECORD_MAX, r->net,
                            r->type };

        sim_print(&p, r->dir, text, sizeof(text));
        line("%7llu ms %s  %.*s", (unsigned long long)r->ms, r->dir == DIR_IN ? "in " : "out",
             *sim_shared->context ? LINE_MAX_SHOWN / 2 : LINE_MAX_SHOWN, text);
    }
}

static void report_end(void)
{
    const char *quote = strchr(sim_run.text, '\'') ? "\"" : "'";
    unsigned long long seed = sim_run.seed;
    char chapter[32];

    lines_left = 1;
    if (sim_run.alone) {
        line("again: %s -s %llu -v", sim_run.program, seed);
        return;
    }
    snprintf(chapter, sizeof(chapter), "docs/step%02d.md", sim_run.step);
    line(access(chapter, R_OK) == 0 ? "again: %s -s %llu -v %s%.*s%s; read %s"
                                    : "again: %s -s %llu -v %s%.*s%s",
         sim_run.program, seed, quote, sim_part(sim_run.text), sim_run.text, quote, chapter);
}

/* What the behaviour has printed, as far as there is room. */
static void report_output(FILE *output)
{
    char text[512];

    while (!sim_run.verbose && fgets(text, sizeof(text), output)) {
        text[strcspn(text, "\n")] = '\0';
        line("%s", text);
    }
}

static void report_place(void)
{
    char number[16] = "";

    if (sim_shared->line > 0) {
        snprintf(number, sizeof(number), ":%d", sim_shared->line);
    }
    if (sim_shared->file) {
        line("%s%s%s%s", sim_shared->file, number, *sim_shared->what ? ": " : "",
             sim_shared->what);
    }
}

void sim_report(FILE *output)
{
    lines_left = *sim_shared->context ? LINES_MAX_LARGE : LINES_MAX - 2;
    report_place();
    several_lines(sim_shared->message);
    report_allocation();
    if (*sim_shared->context) {
        several_lines(sim_shared->context);
    } else {
        report_faults();
        report_drops();
        report_unwritten();
    }
    report_packets();
    report_output(output);
    report_end();
}
