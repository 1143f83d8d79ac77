#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "sim.h"

/*
 * Notes for the report, in the memory that the parent shares: the faults injected, and from the
 * stack's log its last line, the last drops, and the functions that are not written yet.
 */

void sim_fault(enum fault_kind kind, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(sim_shared->fault[kind], sizeof(sim_shared->fault[kind]), fmt, ap);
    va_end(ap);
}

void sim_no_fault(enum fault_kind kind)
{
    *sim_shared->fault[kind] = '\0';
}

void sim_note_packet(void)
{
    sim_shared->ndrops_before = sim_shared->ndrops;
}

/* The end of text, of which the first len bytes count, up to the last occurrence of c. */
static size_t up_to_last(const char *text, size_t len, char c)
{
    while (len > 0 && text[len - 1] != c) {
        len--;
    }
    return len;
}

/* A line of drop: `... [D] ip_check_hdr: dropped, stats.bad_checksum: sum=0x1234 (ip.c:520)` */
static void note_drop(const char *line, size_t len)
{
    static const char mark[] = ": dropped, ", prefix[] = "stats.";
    const char *field = memmem(line, len, mark, sizeof(mark) - 1), *colon;
    size_t place = up_to_last(line, len, '(');
    int dir, name;

    if (!field || place == 0 || line + place < field) {
        return;
    }
    field += sizeof(mark) - 1;
    colon = memmem(field, (size_t)(line + place - field), ": ", 2);
    if (!colon) {
        return;
    }
    name = strncmp(field, prefix, sizeof(prefix) - 1) ? 0 : (int)sizeof(prefix) - 1;
    dir = (int)up_to_last(line + place, len - place, '/');
    snprintf(sim_shared->drops[sim_shared->ndrops++ % SIM_DROPS], sizeof(*sim_shared->drops),
             "%.*s.%.*s \"%.*s\" (%.*s", (int)strcspn(line + place + dir, "."), line + place + dir,
             (int)(colon - field) - name, field + name, (int)(line + place - colon) - 4, colon + 2,
             (int)(len - place), line + place);
}

/* Adds a name, of len bytes, once. */
static void add_unwritten(const char *name, size_t len)
{
    unsigned int i;

    for (i = 0; i < sim_shared->nunwritten; i++) {
        if (strncmp(sim_shared->unwritten[i], name, len) == 0 && !sim_shared->unwritten[i][len]) {
            return;
        }
    }
    if (len > 0 && len < sizeof(*sim_shared->unwritten) && i < SIM_NAMES) {
        memcpy(sim_shared->unwritten[i], name, len);
        sim_shared->nunwritten++;
    }
}

/* A line of not_written: `... [W] arp_resolve: not written yet (step 13) (arp.c:88)` */
static void note_unwritten(const char *line, size_t len)
{
    static const char mark[] = ": not written yet";
    const char *end = memmem(line, len, mark, sizeof(mark) - 1);
    size_t before = end ? up_to_last(line, (size_t)(end - line), ' ') : 0;

    if (end) {
        add_unwritten(line + before, (size_t)(end - line) - before);
    }
}

void sim_note_log(const char *text)
{
    size_t len;

    for (; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (len > 0) {
            snprintf(sim_shared->log, sizeof(sim_shared->log), "%.*s", (int)len, text);
            note_drop(text, len);
            note_unwritten(text, len);
        }
    }
}
