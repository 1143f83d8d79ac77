/* Step 48: the out-of-order queue. Which ranges are held, and which give way; then the same on the
 * wire. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "commands.h"
#include "conn.h"
#include "platform.h"
#include "ring.h"
#include "tcp.h"
#include "tcp_reass.h"
#include "util.h"

/* RCV.NXT at the start: offsets of 15 to 40 beyond it cross 2^31 and 2^32. */
static const uint32_t bases[] = {0, 1000, 0x80000000u - 20, 0x80000000u, 0xffffffffu - 20};

static struct tcp_reass_pool pool;
static struct tcp_reass_range memory[TCP_REASS_POOL + 1];

static void start(struct tcp_reass *reass, uint16_t size)
{
    tcp_reass_pool_init(&pool, memory, size);
    tcp_reass_init(reass, &pool);
}

/* Inserts bytes [from, to). Returns how many are new; -1: refused. */
static long put(struct tcp_reass *reass, uint32_t nxt, uint32_t from, uint32_t to)
{
    struct tcp_range text = {from, to}, part;
    long num = 0;
    int ret;

    while ((ret = tcp_reass_insert(reass, nxt, &text, &part)) == 1) {
        check(seq_lt(part.start, part.end));
        check_int(text.start, part.end);
        num += part.end - part.start;
    }
    return ret == -1 ? -1 : num;
}

/*
 * By a table. Offsets from RCV.NXT at the start. in: 10-20 inserts the bytes 10 to 19, F20 a FIN, =
 * asks how many bytes are contiguous. out: the result of each, the new parts or `-`, the number of
 * bytes, `fin` if a FIN is due. recent: the ranges at the end, the newest first.
 */
static const struct row {
    const char *in;
    const char *out;
    const char *recent;
} table[] = {
    {"0-10 =", "0-10 =10", ""},
    {"0-0 =", "- =0", ""},
    {"10-20 =", "10-20 =0", "10-20"},
    {"10-20 0-10 =", "10-20 0-10 =20", ""},
    {"10-20 10-20 12-18 10-15 15-20", "10-20 - - - -", "10-20"},
    {"10-20 0-10 0-20 =", "10-20 0-10 - =20", ""},
    {"0-10 = 0-10 5-15 =", "0-10 =10 - 10-15 =5", ""},
    /* neighbours unite, whichever comes first */
    {"10-20 20-30", "10-20 20-30", "10-30"},
    {"20-30 10-20", "20-30 10-20", "10-30"},
    {"10-20 30-40 20-30 =", "10-20 30-40 20-30 =0", "10-40"},
    {"10-20 21-30", "10-20 21-30", "21-30 10-20"},
    {"10-20 21-30 20-21", "10-20 21-30 20-21", "10-30"},
    /* overlaps: what came first stays */
    {"10-20 15-25", "10-20 20-25", "10-25"},
    {"10-20 5-15", "10-20 5-10", "5-20"},
    {"10-20 5-25", "10-20 5-10,20-25", "5-25"},
    {"10-12 14-16 18-20 8-22", "10-12 14-16 18-20 8-10,12-14,16-18,20-22", "8-22"},
    {"10-12 14-16 18-20 11-19", "10-12 14-16 18-20 12-14,16-18", "10-20"},
    {"10-12 14-16 18-20 0-15 =", "10-12 14-16 18-20 0-10,12-14 =16", "18-20"},
    {"10-12 14-16 0-40 =", "10-12 14-16 0-10,12-14,16-40 =40", ""},
    {"5-6 7-8 9-10 0-5 = 6-7 8-9 =", "5-6 7-8 9-10 0-5 =6 6-7 8-9 =4", ""},
    /* RCV.NXT waits until it is asked for, as for the text of a SYN that crosses ours */
    {"0-10 10-20 5-25 =", "0-10 10-20 20-25 =25", ""},
    {"20-30 0-10 5-20 =", "20-30 0-10 10-20 =30", ""},
    /* a FIN */
    {"F0 =", "- =0fin", ""},
    {"F10 0-10 =", "- 0-10 =10fin", ""},
    {"10-20 F20 0-10 =", "10-20 - 0-10 =20fin", "" },
    {"F20 F20 0-10 = 10-20 =", "- - 0-10 =10 10-20 =10fin", ""},
    {"F20 F25 F15 10-30 0-10 =", "- refused refused 10-20 0-10 =20fin", ""},
    {"F20 20-30 25-30 0-20 =", "- - - 0-20 =20fin", ""},
    {"10-20 F10 F15 F19 F20", "10-20 refused refused refused -", "10-20"},
    {"10-20 F5", "10-20 refused", "10-20"},
    {"10-12 20-22 30-32 F15 20-22", "10-12 20-22 30-32 refused -", "20-22 30-32 10-12"},
    {"0-10 F5 F9 F10 =", "0-10 refused refused - =10fin", ""},
    {"0-10 = F9 F10 =", "0-10 =10 refused - =0fin", ""},
    /* the order of arrival, as SACK reports it; a duplicate counts too */
    {"10-12 20-22 30-32 14-16", "10-12 20-22 30-32 14-16", "14-16 30-32 20-22 10-12"},
    {"10-12 20-22 30-32 20-22", "10-12 20-22 30-32 -", "20-22 30-32 10-12"},
    {"10-12 20-22 30-32 12-13", "10-12 20-22 30-32 12-13", "10-13 30-32 20-22"},
    {"10-12 20-22 30-32 19-20", "10-12 20-22 30-32 19-20", "19-22 30-32 10-12"},
    {"10-12 20-22 30-32 12-20", "10-12 20-22 30-32 12-20", "10-22 30-32"},
    {"10-12 20-22 30-32 0-15 =", "10-12 20-22 30-32 0-10,12-15 =15", "30-32 20-22"},
};

/* Appends to text, of 128 bytes. */
static void append(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void append(char *text, const char *fmt, ...)
{
    size_t len = strlen(text);
    va_list args;

    va_start(args, fmt);
    vsnprintf(text + len, 128 - len, fmt, args);
    va_end(args);
}

static void insert_row(struct tcp_reass *reass, uint32_t nxt, uint32_t base, const char *step,
                       char *out)
{
    struct tcp_range text, part;
    char *rest;
    const char *comma = "";
    int ret;

    text.start = base + (uint32_t)strtoul(step, &rest, 10);
    text.end = base + (uint32_t)strtoul(rest + 1, NULL, 10);
    while ((ret = tcp_reass_insert(reass, nxt, &text, &part)) == 1) {
        append(out, "%s%u-%u", comma, part.start - base, part.end - base);
        comma = ",";
    }
    append(out, "%s", ret == -1 ? "refused" : *comma ? "" : "-");
}

static void check_row(const struct row *row, uint32_t base)
{
    struct tcp_reass reass;
    struct tcp_range range[8];
    uint32_t nxt = base, len;
    char in[128], out[128] = "", recent[128] = "", *rest = in, *step;
    size_t num;
    int ret;

    start(&reass, 16);
    snprintf(in, sizeof(in), "%s", row->in);
    while ((step = strtok_r(rest, " ", &rest)) != NULL) {
        append(out, "%s", *out ? " " : "");
        if (*step == 'F') {
            ret = tcp_reass_insert_fin(&reass, nxt, base + (uint32_t)strtoul(step + 1, NULL, 10));
            append(out, "%s", ret == 0 ? "-" : "refused");
        } else if (*step == '=') {
            len = tcp_reass_contiguous(&reass);
            nxt += len;
            append(out, "=%u%s", len, tcp_reass_is_fin_due(&reass, nxt) ? "fin" : "");
        } else {
            insert_row(&reass, nxt, base, step, out);
        }
    }
    num = tcp_reass_recent(&reass, range, countof(range));
    for (size_t i = 0; i < num; i++) {
        append(recent, "%s%u-%u", i > 0 ? " " : "", range[i].start - base, range[i].end - base);
    }
    bench_context(row->in, 0);
    check_str(out, row->out);
    check_str(recent, row->recent);
    tcp_reass_clear(&reass);
    check_int(pool.num, 0);
    check(tcp_reass_is_empty(&reass));
}

static void test_table(void)
{
    for (size_t i = 0; i < countof(table); i++) {
        for (size_t k = 0; k < countof(bases); k++) {
            check_row(&table[i], bases[k]);
        }
    }
}

static void test_empty(void)
{
    struct tcp_reass reass;

    start(&reass, 16);
    check(tcp_reass_is_empty(&reass));
    check_int(put(&reass, 0, 0, 10), 10);
    check(tcp_reass_is_empty(&reass)); /* nothing is missing */
    check_int(put(&reass, 0, 20, 30), 10);
    check(!tcp_reass_is_empty(&reass));
    check_int(put(&reass, 0, 10, 20), 10);
    check(tcp_reass_is_empty(&reass));
    check_int(tcp_reass_insert_fin(&reass, 0, 30), 0);
    check(!tcp_reass_is_empty(&reass));
    tcp_reass_clear(&reass);
    check(tcp_reass_is_empty(&reass));
    check_int(tcp_reass_contiguous(&reass), 0);
}

/*
 * Against a map of bytes
 */
#define SPAN 400   /* the receive buffer */
#define TOTAL 6000 /* bytes of a stream */

static struct {
    uint8_t value[TOTAL + 2 * SPAN + 1];
    uint8_t held[TOTAL + 2 * SPAN + 1];
    unsigned int when[TOTAL + 2 * SPAN + 1]; /* last change of the byte's range */
    uint32_t nxt, taken;             /* RCV.NXT; bytes read */
    long fin;                        /* -1: none */
} map;

static uint32_t draw(uint32_t n)
{
    return ((uint32_t)random16() << 16 | random16()) % n;
}

/* All bytes of the range around this one have changed now. */
static void touch(uint32_t at, unsigned int now)
{
    uint32_t from = at, to = at;

    while (from > map.nxt && map.held[from - 1]) {
        from--;
    }
    while (map.held[to]) {
        map.when[to++] = now;
    }
    while (from < at) {
        map.when[from++] = now;
    }
}

/* The parts are the bytes of [from, to) that the map lacks, in order; fills them. */
static void insert_random(struct tcp_reass *reass, struct ring *ring, uint32_t base, uint32_t from,
                          uint32_t to, unsigned int now)
{
    struct tcp_range text = {base + from, base + to}, part;
    uint8_t data[SPAN];
    uint32_t at = from;

    for (uint32_t i = 0; i < to - from; i++) {
        data[i] = (uint8_t)random16();
    }
    to = map.fin != -1 && to > (uint32_t)map.fin ? (uint32_t)map.fin : to;
    while (tcp_reass_insert(reass, base + map.nxt, &text, &part) == 1) {
        ring_write_at(ring, part.start - (base + map.nxt), data + (part.start - (base + from)),
                      part.end - part.start);
        for (; base + at != part.start; at++) {
            check_int(map.held[at], 1);
        }
        for (; base + at != part.end; at++) {
            check_int(map.held[at], 0);
            map.held[at] = 1;
            map.value[at] = data[at - from];
        }
    }
    for (; at < to; at++) {
        check_int(map.held[at], 1);
    }
    if (from < to) {
        touch(from, now);
    }
}

static void check_recent(const struct tcp_reass *reass, uint32_t base)
{
    struct tcp_range range[SPAN];
    size_t num = tcp_reass_recent(reass, range, countof(range)), bytes = 0, held = 0;
    unsigned int last = ~0u;

    check_int(num, reass->num);
    for (size_t i = 0; i < num; i++) {
        uint32_t from = range[i].start - base, to = range[i].end - base;

        check_cmp(from, >, map.nxt);
        check_cmp(from, <, to);
        check(!map.held[from - 1] && map.held[from] && map.held[to - 1] && !map.held[to]);
        check_cmp(map.when[from], <, last);
        last = map.when[from];
        bytes += to - from;
    }
    for (uint32_t at = map.nxt; at < map.nxt + SPAN; at++) {
        held += map.held[at];
    }
    check_int(bytes, held);
}

/* RCV.NXT advances, and the user reads some of what is there. */
static void take_random(struct tcp_reass *reass, struct ring *ring)
{
    uint32_t len = tcp_reass_contiguous(reass);
    uint8_t buf[SPAN];
    size_t num;

    ring_extend(ring, len);
    for (; len > 0; len--) {
        check_int(map.held[map.nxt], 1);
        map.nxt++;
    }
    check_int(map.held[map.nxt], 0);
    num = ring_read(ring, buf, draw(12) == 0 ? draw(SPAN) : 0);
    check_mem(buf, map.value + map.taken, num);
    map.taken += (uint32_t)num;
}

static void try_fin(struct tcp_reass *reass, uint32_t base, uint32_t edge)
{
    uint32_t fin = map.nxt + draw(edge - map.nxt + 1);
    int good = map.fin == -1 || map.fin == (long)fin;

    for (uint32_t at = fin; at < edge; at++) {
        good = good && !map.held[at];
    }
    check_int(tcp_reass_insert_fin(reass, base + map.nxt, base + fin), good ? 0 : -1);
    map.fin = good ? (long)fin : map.fin;
}

/* Returns how often the window was zero. */
static unsigned int run_random(uint32_t base, uint32_t longest)
{
    struct tcp_reass reass;
    struct ring ring = {0};
    unsigned int now = 1, closed = 0;

    start(&reass, SPAN);
    memset(&map, 0, sizeof(map));
    map.fin = -1;
    check_int(ring_alloc(&ring, SPAN), 0);
    for (; map.nxt < TOTAL && map.fin != (long)map.nxt; now++) {
        uint32_t edge = map.nxt + SPAN - (uint32_t)ring.len;
        uint32_t from = map.nxt + draw(edge - map.nxt + 1), to = from + draw(longest);

        from = draw(8) == 0 ? map.nxt : from;
        to = to > edge ? edge : to;
        closed += edge == map.nxt;
        if (from <= to) {
            insert_random(&reass, &ring, base, from, to, now);
        }
        if (draw(2) == 0) {
            take_random(&reass, &ring);
            check_recent(&reass, base);
        }
        if (map.nxt > TOTAL / 2 && draw(64) == 0) {
            try_fin(&reass, base, map.nxt + SPAN - (uint32_t)ring.len);
        }
        check_int(tcp_reass_is_fin_due(&reass, base + map.nxt),
                  map.fin == (long)map.nxt && reass.ready == 0);
    }
    tcp_reass_clear(&reass);
    check_int(pool.num, 0);
    ring_free(&ring);
    return closed;
}

static void test_random(void)
{
    unsigned int closed = 0;

    for (size_t k = 0; k < countof(bases); k++) {
        closed += run_random(bases[k], 2);
        closed += run_random(bases[k], 10);
        closed += run_random(bases[k] - TOTAL / 2, 100);
        closed += run_random(bases[k] - TOTAL / 4, SPAN);
    }
    check_cmp(closed, >, 100);
}

/*
 * The receive buffer
 */
static void test_ring(void)
{
    struct ring ring = {0};
    uint8_t buf[8];

    check_int(ring_alloc(&ring, 8), 0);
    ring_write(&ring, (const uint8_t *)"abcdef", 6);
    check_int(ring_read(&ring, buf, 4), 4);
    ring_write_at(&ring, 4, (const uint8_t *)"56", 2); /* across the end of the buffer */
    ring_write_at(&ring, 1, (const uint8_t *)"234", 3);
    check_int(ring.len, 2);
    ring_write_at(&ring, 0, (const uint8_t *)"1", 1);
    ring_extend(&ring, 6);
    check_int(ring_read(&ring, buf, sizeof(buf)), 8);
    check_mem(buf, "ef123456", 8);
    ring_free(&ring);
}

/*
 * Limits
 */

/* 1,024 holes, as of a slow start that overshoots; filled from the end, so that RCV.NXT
 * stays until the last. */
static void test_many(void)
{
    struct tcp_reass reass;
    uint32_t nxt = 0xffffff00u;

    start(&reass, TCP_REASS_POOL);
    for (uint32_t i = 0; i < 1024; i++) {
        check_int(put(&reass, nxt, nxt + 10 * i + 5, nxt + 10 * i + 10), 5);
    }
    check_int(reass.num, 1024);
    for (uint32_t i = 1024; i-- > 0;) {
        check_int(tcp_reass_contiguous(&reass), 0);
        check_int(put(&reass, nxt, nxt + 10 * i, nxt + 10 * i + 10), 5);
    }
    check_int(tcp_reass_contiguous(&reass), 10240);
    check_int(pool.num, 0);
    check_int(pool.evicted, 0);
}

/* One segment over 1,024 ranges fills all holes. */
static void test_one_over_many(void)
{
    struct tcp_reass reass;

    start(&reass, TCP_REASS_POOL);
    for (uint32_t i = 0; i < 1024; i++) {
        check_int(put(&reass, 0, 2 * i + 1, 2 * i + 2), 1);
    }
    check_int(put(&reass, 0, 0, 2049), 1025);
    check_int(tcp_reass_contiguous(&reass), 2049);
    check_int(pool.num, 0);
}

/* A connection with TCP_REASS_MAX ranges: the farthest gives way, one still farther is refused,
 * and the rest goes on. */
static void test_full_queue(void)
{
    struct tcp_reass reass;
    struct tcp_range newest;
    uint32_t far = 100 + 2 * TCP_REASS_MAX;

    start(&reass, TCP_REASS_POOL);
    for (uint32_t i = 0; i < TCP_REASS_MAX; i++) {
        check_int(put(&reass, 0, 100 + 2 * i, 101 + 2 * i), 1);
    }
    check_int(put(&reass, 0, far, far + 1), -1);
    check_int(pool.evicted, 0);
    check_int(put(&reass, 0, 50, 60), 10);
    check_int(pool.evicted, 1);
    check_int(reass.num, TCP_REASS_MAX);
    check_int(tcp_reass_recent(&reass, &newest, 1), 1);
    check_int(newest.start, 50);
    check_int(put(&reass, 0, far - 4, far - 3), 0);
    check_int(put(&reass, 0, far - 2, far - 1), -1); /* this one gave way */
    check_int(put(&reass, 0, 60, 100), 40);
    check_int(put(&reass, 0, far - 2, far - 1), 1);
    check_int(put(&reass, 0, 0, 50), 50);
    check_int(tcp_reass_contiguous(&reass), 101);
    check_int(put(&reass, 101, 101, far), TCP_REASS_MAX);
    check_int(tcp_reass_contiguous(&reass), far - 101);
    check_int(pool.num, 0);
}

/* Holds as many one-byte ranges as it gets. */
static void greedy(struct tcp_reass *reass, uint32_t num)
{
    tcp_reass_init(reass, &pool);
    for (uint32_t i = 1; i <= num; i++) {
        put(reass, 0, 2 * i, 2 * i + 1);
    }
}

/* Of k + 1 connections each gets its share of the pool, whoever came first and however often the
 * others insist. What is left are the nearest ranges. */
static void test_shares(void)
{
    static struct tcp_reass greed[15], late;
    struct tcp_range range[64];
    size_t num;

    start(&late, 640);
    for (size_t i = 0; i < countof(greed); i++) {
        greedy(&greed[i], TCP_REASS_MAX);
    }
    check_int(pool.num, 640);
    for (uint32_t i = 1; i <= 60; i++) {
        put(&late, 5000, 5000 + 2 * i, 5001 + 2 * i);
        for (size_t k = 0; k < countof(greed); k++) {
            put(&greed[k], 0, 6000 + 2 * i, 6001 + 2 * i);
        }
    }
    check_range(late.num, 39, 41);
    check_int(pool.num, 640);
    num = tcp_reass_recent(&late, range, countof(range));
    for (size_t i = 0; i < num; i++) {
        check_cmp(range[i].start, <=, 5000 + 2 * 41);
    }
    for (size_t k = 0; k < countof(greed); k++) {
        check_range(greed[k].num, 39, 41);
        tcp_reass_clear(&greed[k]);
    }
    check_int(pool.num, late.num);
    check_int(put(&late, 5000, 5001, 5200), 199 - (long)num);
    check_int(put(&late, 5000, 5000, 5001), 1);
    check_int(tcp_reass_contiguous(&late), 200);
    check_int(pool.num, 0);
}

/* With an empty pool, text at RCV.NXT and next to a range is taken. */
static void test_empty_pool(void)
{
    static struct tcp_reass other[4], reass;

    start(&reass, 4);
    for (size_t i = 0; i < countof(other); i++) {
        greedy(&other[i], 1);
    }
    check_int(put(&reass, 0, 10, 20), -1);
    check_int(put(&reass, 0, 0, 10), 10);
    check_int(put(&reass, 0, 20, 30), -1);
    check_int(tcp_reass_contiguous(&reass), 10);
    check_int(tcp_reass_insert_fin(&reass, 10, 20), 0);
    check_int(put(&reass, 10, 10, 30), 10);
    check_int(tcp_reass_contiguous(&reass), 10);
    check(tcp_reass_is_fin_due(&reass, 20));
    for (size_t i = 0; i < countof(other); i++) {
        check_int(put(&other[i], 0, 1, 4), 2);
        check_int(other[i].num, 1);
        check_int(put(&other[i], 0, 0, 1), 1);
        check_int(tcp_reass_contiguous(&other[i]), 4);
    }
    check_int(pool.num, 0);
    check_int(put(&other[0], 4, 10, 20), 10);
    tcp_reass_clear(&other[0]);
}

/* Queues that come and go, with a pool that is too small for them. */
static void test_random_pool(void)
{
    static struct tcp_reass queue[12];
    struct tcp_range text, part;
    uint32_t nxt[countof(queue)];
    size_t sum;

    start(&queue[0], 200);
    for (size_t k = 0; k < countof(queue); k++) {
        tcp_reass_init(&queue[k], &pool);
        nxt[k] = bases[k % countof(bases)];
    }
    for (uint32_t i = 0; i < 200000; i++) {
        size_t k = draw(countof(queue));

        text.start = nxt[k] + draw(300 << k % 4);
        text.end = text.start + draw(4);
        while (tcp_reass_insert(&queue[k], nxt[k], &text, &part) == 1) {
            nxt[k] += tcp_reass_contiguous(&queue[k]);
        }
        if (draw(5000) == 0) {
            tcp_reass_clear(&queue[k]);
        }
        sum = 0;
        for (k = 0; k < countof(queue); k++) {
            sum += queue[k].num;
        }
        check_int(pool.num, sum);
        check_cmp(sum, <=, 200);
    }
    check_cmp(pool.evicted, >, 1000);
    check_int(pool.touched, 200);
    for (size_t k = 0; k < countof(queue); k++) {
        tcp_reass_clear(&queue[k]);
    }
    check_int(pool.num, 0);
}

/*
 * Cost
 */

/* Reverses the lower bits: neighbours in time are far apart. */
static uint32_t reversed(uint32_t n, uint32_t size)
{
    uint32_t r = 0;

    for (; size > 1; size >>= 1, n >>= 1) {
        r = r << 1 | (n & 1);
    }
    return r;
}

enum order { UP, DOWN, ENDS, REVERSED, ORDERS };

static uint32_t nth(enum order order, uint32_t i, uint32_t num)
{
    switch (order) {
    case UP:
        return i;
    case DOWN:
        return num - 1 - i;
    case ENDS:
        return i % 2 ? num - 1 - i / 2 : i / 2;
    default:
        return reversed(i, num);
    }
}

/* Makes num ranges of one byte, repeats them, and fills the holes, until 2^14 bytes were inserted.
 * Returns nanoseconds. */
static uint64_t cost(enum order make, enum order fill, uint32_t num)
{
    struct tcp_reass reass;
    struct timespec begin, end;

    start(&reass, TCP_REASS_POOL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint32_t round = (1 << 14) / num; round > 0; round--) {
        for (uint32_t i = 0; i < num; i++) {
            put(&reass, 0, 2 * nth(make, i, num) + 1, 2 * nth(make, i, num) + 2);
        }
        for (uint32_t i = 0; i < num; i++) {
            put(&reass, 0, 2 * nth(fill, i, num) + 1, 2 * nth(fill, i, num) + 2);
        }
        for (uint32_t i = 0; i < num; i++) {
            put(&reass, 0, 2 * nth(fill, i, num), 2 * nth(fill, i, num) + 1);
        }
        check_int(tcp_reass_contiguous(&reass), 2 * num);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (uint64_t)(end.tv_sec - begin.tv_sec) * 1000000000u + (uint64_t)end.tv_nsec -
           (uint64_t)begin.tv_nsec;
}

/* Among 32 times the ranges, an insert costs a few times as much; in a list, or a tree that loses
 * its balance, more than 32 times. The least of five runs. */
static void test_cost(void)
{
    time_limit(10);
    for (int n = 0; n < ORDERS * ORDERS; n++) {
        enum order make = (enum order)(n / ORDERS), fill = (enum order)(n % ORDERS);
        uint64_t few = UINT64_MAX, many = UINT64_MAX, ns;

        for (int i = 0; i < 5; i++) {
            ns = cost(make, fill, 64);
            few = ns < few ? ns : few;
            ns = cost(make, fill, 2048);
            many = ns < many ? ns : many;
        }
        check_cmp(many, <, 16 * few);
    }
}

/*
 * On the wire
 */
static int desc = -1; /* the connection */

static void establish(uint32_t isn)
{
    bench_start(WIRE_RAW);
    desc = established(isn, "<mss 1460>", 65535);
}

/* This ACK goes out now, with the window that is open before any byte has been read, and nothing
 * else. */
static void expect_ack(uint32_t ack)
{
    char line[64];

    snprintf(line, sizeof(line), ". 1:1(0) ack %u win %u", ack, 65536 - ack);
    expect(line);
    expect_nothing(0);
}

/* The peer sends bytes [from, end), and this ACK answers. */
static void answered(uint32_t from, uint32_t end, uint32_t ack)
{
    peer_sends(from, end);
    expect_ack(ack);
}

/* A line of script, and an ACK of ack with any window. */
static void tells(const char *script, uint32_t ack)
{
    char line[64];

    inject(script);
    snprintf(line, sizeof(line), ". 1:1(0) ack %u", ack);
    expect(line);
}

static void aborted(uint32_t nxt)
{
    char line[64];

    check_int(tcp_cmd_abort(desc), 0);
    snprintf(line, sizeof(line), "R. 1:1(0) ack %u", nxt);
    expect(line);
}

/* With numbers up to and around 2^31 and 2^32. */
static void test_swapped(void)
{
    static struct call reader;
    int listener;

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 8);
    for (uint32_t i = 0; i < 60; i++) {
        client('A', (i < 30 ? 0x80000000u : 0) - 25 + i % 30);
        desc = accepted(listener, "<mss 1460>", 65535);
        call_start(&reader, receive, .desc = desc, .len = 100);
        check_counted(tcp, out_of_order, 1, answered(11, 21, 1));
        check_int(view(desc).ranges, 1);
        check_sleeps(&reader);
        answered(1, 11, 21);
        check_int(view(desc).ranges, 0);
        check_returned(&reader, 20);
        check_pattern(reader.buf, 1, 20);
        expect_nothing(100);
        aborted(21);
    }
}

/* One of ten is lost, but not the last. Each that follows repeats the ACK, with the same window;
 * the lost one is answered by an ACK of all. */
static void test_one_in_ten(void)
{
    uint32_t next = 1;

    establish(PEER_ISN);
    for (uint32_t lost = 0; lost < 9; lost++) {
        for (uint32_t i = 0; i < lost; i++) {
            peer_sends(next + 10 * i, next + 10 * (i + 1));
            advance(50);
        }
        wire_pending(1);
        for (uint32_t i = lost + 1; i < 10; i++) {
            answered(next + 10 * i, next + 10 * (i + 1), next + 10 * lost);
        }
        answered(next + 10 * lost, next + 10 * (lost + 1), next + 100);
        expect_nothing(100);
        next += 100;
    }
    check_received(desc, 1, next);
}

/* What is in order, but before a hole, does not wait either. */
static void test_part(void)
{
    establish(PEER_ISN);
    peer_sends(1, 11);
    expect_nothing(10);
    answered(31, 41, 11); /* the one that has waited */
    answered(11, 21, 21);
    answered(21, 31, 41);
    peer_sends(41, 51);
    expect_nothing(39);
    expect_within(1, ". 1:1(0) ack 51");
}

/* As many as a slow start leaves that overshoots. */
static void test_many_holes(void)
{
    static uint8_t filled[1025];
    uint32_t at = 0;
    size_t in_use;

    establish(PEER_ISN);
    in_use = memory_in_use();
    for (uint32_t i = 0; i < 1024; i++) {
        answered(60 * i + 21, 60 * i + 41, 1);
        check_int(view(desc).ranges, i + 1);
    }
    check_int(memory_in_use(), in_use);
    for (uint32_t i = 0; i < 1024; i++) {
        uint32_t n = (389 * i + 512) % 1024;

        filled[n] = 1;
        while (filled[at]) {
            at++;
        }
        answered(n > 0 ? 60 * n - 19 : 1, 60 * n + 21, at > 0 ? 60 * at - 19 : 1);
    }
    check_int(view(desc).ranges, 0);
    check_received(desc, 1, 61421);
    wire_pending(1);
}

/* The reader gets what came first. */
static void test_contradiction(void)
{
    char buf[16];

    establish(PEER_ISN);
    tells("P. 6:11(5) ack 1 'first'", 1);
    tells("P. 6:11(5) ack 1 'LATER'", 1);
    tells("P. 4:9(5) ack 1 'laLAT'", 1);
    tells("P. 9:14(5) ack 1 'ER!st'", 1);
    tells("P. 2:16(14) ack 1 'ABCDEFGHIJKLMN'", 1);
    tells("P. 1:14(13) ack 1 'OPQRSTUVWXYZ_'", 16);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 15);
    check_mem(buf, "OABlafirst!stMN", 15);
}

/*
 * A FIN
 */

/* Reads to the end of file. Returns the number of bytes. */
static ssize_t read_to_end(struct call *c)
{
    uint32_t sum = 0;
    ssize_t n;

    while ((n = tcp_cmd_receive(c->desc, c->buf, c->len)) > 0) {
        check_pattern(c->buf, 1 + sum, (size_t)n);
        sum += (uint32_t)n;
    }
    return n == -1 ? -1 : (ssize_t)sum;
}

/* The FIN comes before its text, in a state of ours with the sequence number seq. */
static void check_early_fin(const char *fin, uint32_t seq, uint32_t ack, const char *before,
                            const char *after)
{
    static struct call reader;
    char script[64], dup[64];

    call_start(&reader, read_to_end, .desc = desc, .len = 100);
    snprintf(dup, sizeof(dup), ". %u:%u(0) ack 1", seq, seq);
    snprintf(script, sizeof(script), "%s ack %u", fin, ack);
    check_counted(tcp, out_of_order, 1, inject(script));
    expect(dup);
    snprintf(script, sizeof(script), "P. 21:31(10) ack %u", ack); /* behind it: not delivered */
    inject(script);
    expect(dup);
    check_state(desc, before);
    check_sleeps(&reader);
    snprintf(script, sizeof(script), "P. 1:21(20) ack %u", ack);
    inject(script);
    snprintf(script, sizeof(script), ". %u:%u(0) ack 22", seq, seq);
    expect(script);
    check_returned(&reader, 20);
    check_state(desc, after);
    check_end_of_file(desc);
}

static void test_fin(void)
{
    establish(PEER_ISN);
    check_early_fin("F. 21:21(0)", 1, 1, "ESTABLISHED", "CLOSE_WAIT");
    tells("F. 22:22(0) ack 1", 22); /* a second one ends nothing */
    tells("F. 30:30(0) ack 1", 22);
    check_state(desc, "CLOSE_WAIT");
    check_int(tcp_cmd_close(desc), 0); /* nothing is held any more */
    expect("F. 1:1(0) ack 22");
    inject(". 22:22(0) ack 2");
    check_gone(desc);
}

static void test_fin_with_text(void)
{
    establish(PEER_ISN);
    check_early_fin("F. 11:21(10)", 1, 1, "ESTABLISHED", "CLOSE_WAIT");
}

static void test_fin_fin_wait_1(void)
{
    establish(PEER_ISN);
    check_int(tcp_cmd_half_close(desc), 0);
    expect("F. 1:1(0) ack 1");
    check_early_fin("F. 21:21(0)", 2, 1, "FIN_WAIT1", "CLOSING");
}

static void test_fin_fin_wait_2(void)
{
    establish(PEER_ISN);
    check_int(tcp_cmd_half_close(desc), 0);
    expect("F. 1:1(0) ack 1");
    inject(". 1:1(0) ack 2");
    check_early_fin("F. 11:21(10)", 2, 2, "FIN_WAIT2", "TIME_WAIT");
}

/* A FIN contradicts text that came first, and the connection goes on. */
static void test_fin_refused(void)
{
    establish(PEER_ISN);
    answered(11, 21, 1);
    check_counted(tcp, bad_flags, 1, tells("F. 15:15(0) ack 1", 1));
    answered(1, 11, 21);
    check_state(desc, "ESTABLISHED");
    tells("F. 21:21(0) ack 1", 22);
    check_state(desc, "CLOSE_WAIT");
    check_received(desc, 1, 21);
}

/*
 * The window
 */

/* All but the first 1,000 bytes of the window are held. The FIN at its right edge is not. */
static void test_window(void)
{
    establish(PEER_ISN);
    for (uint32_t at = 1001; at < 64001; at += 1000) {
        answered(at, at + 1000, 1);
    }
    tells("F. 64001:65536(1535) ack 1", 1);
    check_int(view(desc).ranges, 1);
    answered(1, 1001, 65536);
    check_int(view(desc).rcv.wnd, 0);
    tells("P. 65536:65537(1) ack 1 'x'", 65536); /* a probe is not held */
    check_int(view(desc).ranges, 0);
    read_up_to(desc, 1, 65536);
    expect(". 1:1(0) ack 65536 win 65535");
    peer_sends(65636, 65736);
    expect(". 1:1(0) ack 65536 win 65535");
    peer_sends(65536, 65636);
    expect(". 1:1(0) ack 65736 win 65335");
    tells("F. 65736:65736(0) ack 1", 65737);
    check_received(desc, 65536, 65736);
    check_end_of_file(desc);
}

/* What is held does not narrow the window, nor does reading move what is held. */
static void test_reading(void)
{
    establish(PEER_ISN);
    for (uint32_t at = 1; at < 300001; at += 30000) {
        peer_sends(at + 20000, at + 30000);
        peer_sends(at, at + 10000);
        read_up_to(desc, at, at + 9000);
        wire_pending(1);
        peer_sends(at + 10000, at + 20000);
        wire_pending(1);
        check_int(view(desc).rcv.nxt - view(desc).irs, at + 30000);
        check_int(view(desc).ranges, 0);
        read_up_to(desc, at + 9000, at + 30000);
        advance(50);
        wire_pending(1);
    }
}

/*
 * The user
 */

/* "while received data is still pending in the TCP connection": text, or a FIN that shows that text
 * will come. */
static void test_close(void)
{
    int listener;

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 8);
    for (int fin = 0; fin < 2; fin++) {
        client('A', PEER_ISN);
        desc = accepted(listener, "<mss 1460>", 65535);
        tells(fin ? "F. 11:11(0) ack 1" : "P. 11:21(10) ack 1", 1);
        check_int(tcp_cmd_close(desc), 0);
        expect("R. 1:1(0) ack 1");
        check_gone(desc);
    }
}

/* Nothing is delivered, holes are acknowledged as before, and the window stays. */
static void test_end_receive(void)
{
    establish(PEER_ISN);
    answered(21, 31, 1);
    check_int(tcp_cmd_end_receive(desc), 0);
    peer_sends(41, 51);
    expect(". 1:1(0) ack 1 win 65535");
    check_counted(tcp, closed_by_user, 1, peer_sends(1, 21));
    expect(". 1:1(0) ack 31 win 65535");
    peer_sends(31, 41);
    expect(". 1:1(0) ack 51 win 65535");
    check_end_of_file(desc);
    check_int(view(desc).unread, 0);
}

static ssize_t open_active(struct call *c)
{
    ip_endp_t local = endp(c->local), remote = endp(c->remote);

    return tcp_cmd_open(&local, &remote, 1);
}

/* Up to the crossing of both SYNs, of which the peer's has text. */
static struct call *crossing(void)
{
    static struct call opener;

    client('A', PEER_ISN);
    call_start(&opener, open_active, .local = "192.0.2.2:7", .remote = "192.0.2.1:5000");
    expect("S 0:0(0)");
    inject("S 0:5(5) win 65535 'hello'");
    expect("S. 0:0(0) ack 1");
    check_sleeps(&opener);
    return &opener;
}

/* Text on a crossing SYN, and what follows it out of order, are one stream. */
static void test_crossing(void)
{
    struct call *opener;
    char buf[16];

    bench_start(WIRE_RAW);
    opener = crossing();
    inject("R 1:1(0)");
    check_failed(opener, ECONNREFUSED); /* of this one nothing is left */
    opener = crossing();
    tells("P. 8:11(3) ack 1 'rld'", 6);
    desc = opened(opener);
    check_int(view(desc).ranges, 1);
    tells("P. 4:9(5) ack 1 'lowoR'", 11);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 10);
    check_mem(buf, "helloworld", 10);
}

/*
 * Limits
 */
static int listener;

/* A connection from port 6000 + n, with num ranges of one byte. */
static void greedy_on_wire(char name, int n, uint32_t num)
{
    char remote[32];

    snprintf(remote, sizeof(remote), "192.0.2.1:%d", 6000 + n);
    connection(name, "192.0.2.2:7", remote, PEER_ISN);
    desc = accepted(listener, "<mss 1460>", 65535);
    for (uint32_t i = 1; i <= num; i++) {
        peer_sends(2 * i, 2 * i + 1);
        wire_pending(1);
    }
    check_int(view(desc).ranges, num);
}

static uint64_t evicted(void)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    return stats.ranges_evicted;
}

/* Too many ranges of one connection: the farthest is lost, or refused, and the peer sends it again.
 */
static void test_refused(void)
{
    char line[64];

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 8);
    greedy_on_wire('A', 0, TCP_REASS_MAX);
    for (int i = 0; i < 3; i++) {
        check_counted(tcp, no_range, 1, answered(6001, 6011, 1));
    }
    answered(1, 2, 3);
    answered(6001, 6011, 3);
    check_counted(tcp, no_range, 1, answered(6101, 6111, 3));
    check_counted(tcp, ranges_evicted, 1, answered(5001, 5011, 3));
    for (uint32_t at = 3; at < 4097; at += 2) {
        peer_sends(at, at + 1);
        snprintf(line, sizeof(line), ". 1:1(0) ack %u", at + 2);
        expect(line);
    }
    answered(4098, 5001, 4097);
    answered(4097, 4098, 5011);
    peer_sends(5011, 6101); /* the rest, which was lost */
    peer_sends(6101, 6111);
    check_acked(desc, 6111);
    check_received(desc, 1, 6111);
    wire_pending(1); /* a window update */
}

/* Connections that never fill their holes, and insist, take no range from one that has less. */
static void test_greedy_peers(void)
{
    uint64_t before = evicted();
    char line[64];

    time_limit(30);
    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 64);
    for (int n = 0; n < 32; n++) {
        greedy_on_wire('G', n, TCP_REASS_MAX - (n == 31));
    }
    check_int(evicted() - before, 0);
    greedy_on_wire('A', 32, 0);
    for (uint32_t at = 1; at < 64001; at += 1000) {
        snprintf(line, sizeof(line), "A> P. %u:%u(500) ack 1", at + 500, at + 1000);
        inject(line);
        expect("A> . 1:1(0) ack 1 win 65535");
        snprintf(line, sizeof(line), "G> P. %u:%u(1) ack 1", 5001 + at / 500, 5002 + at / 500);
        inject(line);
        expect("G> . 1:1(0) ack 1");
    }
    check_int(view(desc).ranges, 64);
    check_cmp(evicted() - before, >=, 64);
    for (uint32_t at = 1; at < 64001; at += 1000) {
        snprintf(line, sizeof(line), "A> P. %u:%u(500) ack 1", at, at + 500);
        inject(line);
        snprintf(line, sizeof(line), "A> . 1:1(0) ack %u", at + 1000);
        expect(line);
    }
    check_received(desc, 1, 64001);
    wire_pending(1);
}

/* Ends the connection in the n-th way. */
static void end_connection(int n)
{
    switch (n) {
    case 0:
        inject("R 1:1(0)");
        check_state(desc, "CLOSED");
        break;
    case 1:
        our_side_sends(desc, 1, 10); /* and is not acknowledged */
        advance(TCP_R2 + 60000);
        check_state(desc, "CLOSED");
        break;
    case 2:
        peer_sends(1, 2 * TCP_REASS_MAX + 2); /* all holes are filled */
        check_int(view(desc).ranges, 0);
        break;
    case 3:
        check_int(tcp_cmd_abort(desc), 0);
        break;
    default:
        check_int(tcp_cmd_close(desc), 0);
        break;
    }
    wire_pending(1);
}

/* There are only ranges for the next connection if this one has given back its own. */
static void test_given_back(void)
{
    uint64_t before = evicted();

    time_limit(30);
    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 64);
    for (int n = 0; n < 31; n++) {
        greedy_on_wire('G', n, TCP_REASS_MAX);
    }
    for (int n = 0; n < 6; n++) {
        greedy_on_wire('A', 31 + n, TCP_REASS_MAX - 1);
        check_int(evicted() - before, 0);
        end_connection(n);
        if (!is_gone(desc)) { /* it lives on, or in CLOSED */
            check_int(tcp_cmd_abort(desc), 0);
            wire_pending(1);
        }
    }
}

BENCH(48,
      {"ranges of text are held, united and handed on as the table says [T-24]", test_table},
      {"a queue is empty if it holds neither text beyond a hole nor a FIN", test_empty},
      {"in any order and overlap, what came first stays [T-24]", test_random},
      {"a ring takes bytes behind those in use", test_ring},
      {"1,024 holes are held and filled [T-25]", test_many},
      {"one segment fills 1,024 holes", test_one_over_many},
      {"of too many ranges the farthest gives way [T-25]", test_full_queue},
      {"each of many greedy connections has its share of the pool [T-25]", test_shares},
      {"text in order is taken while the pool is empty [T-25]", test_empty_pool},
      {"ranges given up are used again", test_random_pool},
      {"the cost of a segment hardly grows with the number of ranges [T-25]", test_cost},
      {"two segments swapped make the stream as sent [SHLD-31 T-24]", test_swapped},
      {"of ten segments only the lost one is sent again [SHLD-31]", test_one_in_ten},
      {"what fills a part of a hole is acknowledged at once", test_part},
      {"1,024 holes on the wire are held, and filled in any order [SHLD-31 T-25]",
       test_many_holes},
      {"of text that contradicts what is held, the first is delivered [T-24]", test_contradiction},
      {"a FIN waits for its text [SHLD-31]", test_fin},
      {"a FIN waits with a part of its text", test_fin_with_text},
      {"a FIN waits in FIN-WAIT-1", test_fin_fin_wait_1},
      {"a FIN waits in FIN-WAIT-2", test_fin_fin_wait_2},
      {"a FIN before text that is held is refused", test_fin_refused},
      {"a window is held up to its right edge, and shut by what fills the hole [T-22]",
       test_window},
      {"reading does not move what is held", test_reading},
      {"CLOSE resets if text or a FIN is held", test_close},
      {"the user ends receiving: holes are acknowledged as before", test_end_receive},
      {"text on a crossing SYN is followed by text out of order [SHLD-31]", test_crossing},
      {"text for which no range is left is sent again [T-25]", test_refused},
      {"greedy peers take no range from a modest one [T-25]", test_greedy_peers},
      {"each end of a connection gives its ranges back [T-25]", test_given_back})
